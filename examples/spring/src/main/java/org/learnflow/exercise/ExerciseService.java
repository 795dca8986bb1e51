package org.learnflow.exercise;

import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.http.HttpStatus;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** LearnFlow's Exercise Service in small. deployment.yaml configures the database, by the environment. */
@SpringBootApplication
@RestController
public class ExerciseService {
  private final JdbcClient database;

  ExerciseService(JdbcClient database) {
    this.database = database;
  }

  public static void main(String[] arguments) {
    SpringApplication.run(ExerciseService.class, arguments);
  }

  record Exercise(String title, String topic, String description, String difficulty) {}

  @PostMapping("/exercises")
  long add(@RequestBody Exercise exercise) {
    return database
        .sql(
            """
            INSERT INTO exercises (title, topic, description, difficulty)
            VALUES (:title, :topic, :description, :difficulty) RETURNING id
            """)
        .paramSource(exercise)
        .query(Long.class)
        .single();
  }

  @GetMapping("/exercises")
  List<Map<String, Object>> find(@RequestParam String difficulty) {
    return database
        .sql("SELECT title, topic FROM exercises WHERE difficulty = ? ORDER BY title")
        .param(difficulty)
        .query()
        .listOfRows();
  }

  @ExceptionHandler(DuplicateKeyException.class)
  @ResponseStatus(HttpStatus.CONFLICT)
  void sameTitle() {}
}
