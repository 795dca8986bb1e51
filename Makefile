# learnflow-db: every task has a target; `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# What people give, and git's tags: kept as it is, never expanded, and handed to the shell in the environment. A recipe writes
# "$$NAME", or $$NAME for a list of words, not $(NAME), so that no value is ever read as code. Helm takes a tag 12345e7 for a number.
VERSION := $(or $(shell git describe --tags --dirty 2>/dev/null),$(addprefix g,$(shell git describe --always --dirty 2>/dev/null)),none)
GIVEN := VERSION NAME RELEASE NAMESPACE ENV HELM HELM_FLAGS REGISTRY FILE TO BACKUP NO_BACKUP ROLE RESTART REPLACE YES PURGE QUIET \
	SEED_MODE PUSH PLATFORMS COSIGN_KEY IMAGE IMAGE_BASE ACCEPT JIB_FLAGS POSTGRESQL_CHART STANDIN TEST E2E_KUBECONFIG E2E_LOAD GITOPS_INSTALLED RELEASES PARALLEL MODULE LEVEL BITNAMI
$(foreach name,$(GIVEN),$(if $(filter-out undefined,$(origin $(name))),$(eval override $(name) := $$(value $(name)))$(eval export $(name))))
# Given as 0, no, false or off, a flag is not set.
$(foreach flag,NO_BACKUP RESTART REPLACE YES PURGE PUSH QUIET STANDIN ACCEPT BITNAMI,\
	$(if $(filter "0" "no" "false" "off","$($(flag))"),$(eval override $(flag) :=)))
# The path of a file in such a variable, for a program in another folder.
absolute = "$(if $(filter /%,$(firstword $($(1)))),,$(CURDIR)/)$$$(1)"
# What the targets that are asked for need is looked at before anything is built: TARGETS, NAME, EXAMPLE; TARGETS, NAME, VALUES.
asked-for = $(filter $(1),$(MAKECMDGOALS))
needs = $(if $(asked-for),$(if $($(2)),,$(error $(2) is missing: make $(asked-for) $(2)=$(3))))
one-of = $(if $(asked-for),$(if $(filter $(patsubst %,"%",$(3)),"$(or $($(2)),$(firstword $(3)))"),,\
	$(error $(2) cannot be "$($(2))"; give one of: $(3))))
$(call needs,backup restore,FILE,learnflow.dump)
$(call needs,rollback,TO,007 (the newest version to keep))
$(call needs,image-push,REGISTRY,ghcr.io/you)
$(call needs,cluster-load,IMAGE,FILE.tar)
$(call one-of,deploy,ENV,dev prod)
$(call one-of,seed,SEED_MODE,skip update)
$(call one-of,rotate,ROLE,app owner admin)
$(call one-of,test test-java test-chart e2e e2e-operations,LEVEL,gate full)
$(call one-of,image image-push image-reproducible deploy,IMAGE_BASE,distroless debian)

# JDK 25: JAVA_HOME's if it is one, else the first that is found in the usual places.
JDK_RELEASES := $(JAVA_HOME)/release /usr/lib/jvm/*/release $(HOME)/.sdkman/candidates/java/*/release \
	$(HOME)/.jdks/*/release /opt/*/release /Library/Java/JavaVirtualMachines/*/Contents/Home/release
JDK = $(or $(patsubst %/release,%,$(firstword $(shell grep -ls '^JAVA_VERSION="25' $(JDK_RELEASES)))),$(error \
	JDK 25 was not found: install one (https://adoptium.net, or apt, brew, sdkman) and set JAVA_HOME to it))
# Programs that compile themselves at every start, which these two make twice as fast.
JAVA = "$(JDK)/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
CLUSTER = $(JAVA) e2e/cluster/Cluster.java
GO := $(or $(shell command -v go),$(wildcard /usr/local/go/bin/go))
BRING = @$(JAVA) tools/Tools.java $@
TOOLS := $(patsubst tools/go/%/go.mod,tools/bin/%,$(wildcard tools/go/*/go.mod)) tools/bin/yamllint tools/bin/yamale tools/bin/squawk tools/bin/zizmor
S3 := $(patsubst tools/go/%/go.mod,tools/bin/%,$(wildcard $(patsubst %,tools/go/%/go.mod,versitygw age age-keygen)))
CLIENTS := $(patsubst tools/postgresql/%.txt,tools/bin/postgresql-%,$(wildcard tools/postgresql/*.txt))
GITOPS := $(patsubst e2e/gitops/go/%/go.mod,e2e/gitops/bin/%,$(wildcard e2e/gitops/go/*/go.mod)) \
	$(if $(shell command -v redis-server),,/usr/bin/redis-server)
# Maven's terminal library would end even a quiet run in a log with an escape code.
MVN = cd migrator && JAVA_HOME="$(JDK)" MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow -Djansi.noreset=true $$MAVEN_OPTS" \
	mvn -B -ntp -Dstyle.color=never -Drevision="$$VERSION"
MODULE_MVN = cd $(1) && JAVA_HOME="$(JDK)" mvn -B -ntp -q
# Groups of tests that are left out: these, and those of the full level, unless it is that (LEVEL=full) or some are named (TEST=).
without = $(if $(or $(TEST),$(filter "full","$(LEVEL)")),-DexcludedGroups='$(1)',-Dlevel=gate -DexcludedGroups='$(1)$(if $(1),|)full')
DIST := migrator/target/dist
LEARNFLOW_DB = $(DIST)/bin/learnflow-db
BUILD_JAVA = "$(JDK)/bin/java" -cp "$(DIST)/lib/learnflow-db.jar:$(DIST)/lib/embedded/*" migrator/src/main/image
IMAGE_TAR := migrator/target/image.tar
# What the image and the archives of a release hold; the cache is what is made last.
STAGED := migrator/target/image/opt/learnflow-db/learnflow-db.aot
IMAGE_SOURCES := $(wildcard migrator/src/main/image/*.* tools/lib/*.java)
# With flags for Jib and Maven, such as JIB_FLAGS=-Djib.allowInsecureRegistries=true.
JIB = set -e; flags=$$($(JAVA) tools/images/Base.java); IFS='|'; set -- $$flags; unset IFS; $(MVN) -q \
	-Dimage.revision=$(COMMIT) -Dimage.time=$(shell git log -1 --format=%cI) $$JIB_FLAGS "$$@"
.PHONY: FORCE $(shell awk -F : '/^[a-z0-9 -]+:/ { print $$1 }' $(firstword $(MAKEFILE_LIST)))
help: ## this list
	@awk -F ':.*## ' '/^##@/ { print "\n" substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Try it
DEMO := $(CURDIR)/.demo
demo: build ## a PostgreSQL of its own with schema and all seeds, ready to try
	@$(LEARNFLOW_DB) run --embedded "$(DEMO)" --seeds reference,sample --publish-to "file:$(DEMO)/connection.env"
	@$(LEARNFLOW_DB) connection --embedded "$(DEMO)"
	@printf '%s\n' '' 'psql:  set -a; . "$(DEMO)/connection.env"; psql' 'stop:  make demo-down'
demo-down:; @$(JAVA) tools/DemoDown.java "$(DEMO)" ## stops the demo's PostgreSQL; its data stay in .demo until you delete it

##@ Deploy to the cluster of the current kubeconfig context
deploy: deployable build $(IMAGE_TAR) deps ## the chart: ENV=dev|prod, NAMESPACE=, RELEASE=, REGISTRY= to push the image to
	@$(if $(REGISTRY),$(MAKE) --no-print-directory image-push)
	@$(JAVA) tools/Deploy.java up "$${ENV:-dev}"
	$(call show,connection,head -n 4)
deployable:; @$(JAVA) tools/Deploy.java check
undeploy: tools/bin/helm; @$(JAVA) tools/Deploy.java down $(if $(PURGE),purge,keep) ## removes it, not its data; PURGE=1: these too (asks, or YES=1)
FROM = $(if $(filter deps-test,$@),test,$(if $(STANDIN),stand-in,release))
deps: ## the PostgreSQL chart that learnflow-db needs; STANDIN=1 takes the one of the tests
deps deps-test: tools/bin/helm; @$(JAVA) tools/Dependencies.java $(FROM) $(if $(POSTGRESQL_CHART),"$$POSTGRESQL_CHART")
image: $(IMAGE_TAR); @cat migrator/target/image-layers.txt ## the migrator's image as a tar, built without Docker: IMAGE_BASE=distroless|debian
image-push: $(IMAGE_TAR) ## pushes the image: make image-push REGISTRY=ghcr.io/you
	@$(JIB) jib:build -Dimage.name="$$REGISTRY/learnflow-db"; echo "pushed $$REGISTRY/learnflow-db:$$VERSION@$$(cat migrator/target/jib-image.digest)"

##@ Day two: ask and change what is deployed
# With QUIET=1 only the lines of the output that count; the error where there are none.
OF_RELEASE = --release "$${RELEASE:-learnflow-db}" --namespace "$${NAMESPACE:-postgres}"
show = @$(if $(QUIET),said=$$(mktemp); lines=$$($(LEARNFLOW_DB) $(1) $(OF_RELEASE) 2>"$$said"); code=$$?; \
	if [ -n "$$lines" ]; then printf '%s\n' "$$lines" | $(2); else cat "$$said" >&2; fi; \
	rm -f "$$said"; exit $$code,$(LEARNFLOW_DB) $(1) $(OF_RELEASE))
verify: build; $(call show,verify,tail -n 1) ## is it healthy? last line: healthy, unhealthy: REASON, not deployed or not checked: REASON
status: build; $(call show,status,cat) ## one screen about it
connection: build; $(call show,connection,head -n 4) ## how services connect to it
migrate: build; $(call show,run,tail -n 1) ## the whole pipeline: schema, seeds, verification, publication
seed: build; $(call show,seed --seed-mode "$${SEED_MODE:-skip}",tail -n 1) ## loads seeds: SEED_MODE=skip|update
plan: build; $(call show,plan,cat) ## what pending migrations would lock and rewrite
drift: build; $(call show,drift,cat) ## what was changed outside migrations
backup: build; $(call show,backup "$$FILE",tail -n 1) ## dumps it into a file, read back whole: FILE=learnflow.dump
restore: build ## puts a dump in its place: FILE=learnflow.dump, over data REPLACE=1 (asks, or YES=1)
	$(call show,restore "$$FILE" $(if $(REPLACE),--replace) $(if $(YES),--yes),tail -n 1)
rollback: build ## undoes migrations above a version: TO=007, and BACKUP=before.dump or NO_BACKUP=1 (asks, or YES=1)
	$(call show,rollback --to "$$TO" $(if $(BACKUP),--backup "$$BACKUP") $(if $(NO_BACKUP),--no-backup) $(if $(YES),--yes),tail -n 1)
rotate: build ## a new password for its services, or ROLE=owner, ROLE=admin; RESTART=1 restarts those that use it (asks, or YES=1)
	$(call show,credentials rotate $(if $(ROLE),--role "$$ROLE") $(if $(RESTART),--restart) $(if $(YES),--yes),tail -n 1)

##@ Develop
build: $(DIST)/bin/jdk $(DIST)/learnflow-db.aot ## the program, at migrator/target/dist/bin/learnflow-db
# Changes only when version or commit do.
COMMIT = $(shell git rev-parse HEAD 2>/dev/null)
migrator/target/version: FORCE; @mkdir -p $(@D); printf '%s\n' "$$VERSION" $(COMMIT) | cmp -s - $@ || printf '%s\n' "$$VERSION" $(COMMIT) > $@
$(DIST)/lib/learnflow-db.jar: migrator/target/version migrator/pom.xml \
		$(shell find migrator/src/main/java migrator/src/main/resources migrator/src/main/dist migrations seeds -type f)
	@echo "build    compiling; the first time takes minutes, since libraries are downloaded" >&2; rm -rf $(DIST)
	@$(MVN) -q package -DskipTests
# Which JDK the launcher takes where JAVA_HOME is none of version 25.
$(DIST)/bin/jdk: $(DIST)/lib/learnflow-db.jar; @echo "$(JDK)" > $@
# What the JVM has learnt about the program's classes in one whole run; it starts a third faster.
$(DIST)/learnflow-db.aot: $(DIST)/lib/learnflow-db.jar $(IMAGE_SOURCES)
	@$(BUILD_JAVA)/Training.java $(DIST) migrator/target/training
$(STAGED): $(DIST)/lib/learnflow-db.jar $(DIST)/bin/jdk $(IMAGE_SOURCES)
	@$(BUILD_JAVA)/Staging.java $(DIST) migrator/target/image migrator/target/image-training
$(IMAGE_TAR): $(STAGED) tools/images/base
	@$(JIB) jib:buildTar
	@$(BUILD_JAVA)/CheckImage.java $@ migrator/target/image-root $(if $(ACCEPT),accept) > migrator/target/image-layers.txt
migration:; @$(JAVA) tools/Migration.java ## the next migration with its undo script: make migration NAME=add_badges
test: test-java test-chart ## all tests, on a real PostgreSQL, but for those of the full level (LEVEL=full: these too)
test-java: $(CLIENTS) $(if $(GO),$(S3)) $(if $(shell command -v apt-get),tools/bin/pgbouncer) $(if $(shell command -v npm),tools/bin/drivers); @$(MVN) package $(call without,)
test-chart: deps-test tools ## tests of the chart; POSTGRESQL_CHART=ARCHIVE tries another one of bitnami/postgresql
	@$(call MODULE_MVN,tools/chart-tests) test $(call without,) $(if $(POSTGRESQL_CHART),-Dpostgresql.chart=$(call absolute,POSTGRESQL_CHART))
	@tools/bin/helm-unittest --strict --output-type JUnit --output-file tools/chart-tests/target/surefire-reports/TEST-unittest.xml charts/learnflow-db
	@PATH="$(CURDIR)/tools/bin:$$PATH" tools/bin/ct lint --config ct.yaml --charts charts/learnflow-db
slowest:; @$(JAVA) tools/Slowest.java migrator tools/chart-tests e2e ## the slowest twenty tests of the last runs
check-all:; @.ci/run full ## everything that can run on this machine, the full level included; hours
skips: ## fails where the last run skipped a test without a reason in .ci/skips: MODULE=e2e for that of make e2e
	@$(JAVA) tools/Skips.java .ci/skips $(if $(MODULE),"$$MODULE",migrator tools/chart-tests)
lint: lint-chart lint-migrations ## formatting, static analysis and naming, as CI wants them
	@$(MVN) -q spotless:check test-compile
	@$(call MODULE_MVN,e2e) spotless:check test-compile
lint-chart: deps-test tools
	@$(JAVA) tools/Lint.java chart
	@$(call MODULE_MVN,tools/chart-tests) spotless:check
lint-migrations: tools/bin/squawk; @$(JAVA) tools/Lint.java migrations
format:; @$(MVN) -q spotless:apply ## formats the Java sources
generate: generate-chart; @$(MVN) -q test -Dtest='GeneratedFilesTest,SurfaceTest' -Dgenerate=true ## regenerates the files that say so, such as docs/reference/schema.md
generate-chart: deps-test tools/bin/helm-values-schema-json tools/bin/helm-docs
	@for root in charts/learnflow-db e2e/stand-in; do tools/bin/helm-docs --log-level warning --chart-search-root $$root --sort-values-order file; done
	@for chart in charts/learnflow-db e2e/stand-in/postgresql; do (cd $$chart && "$(CURDIR)/tools/bin/helm-values-schema-json" >/dev/null); done
	@$(call MODULE_MVN,tools/chart-tests) test -Dtest='DocsTest#thePicturesAreThoseOfTheChart,DashboardTest#theFileIsAsItIsGenerated' -Dgenerate=true
tools/picture/bin/%: tools/picture/go/%/go.mod tools/picture/go/%/go.sum; $(BRING)
picture: build tools/picture/bin/freeze ## makes docs/demo.svg again, what a terminal shows of make demo
	@sh tools/picture/demo.sh > .demo.txt; tools/picture/bin/freeze .demo.txt --language ansi --window --padding 20 --font.family monospace \
	  --font.size 12 --output docs/demo.svg >/dev/null; rm .demo.txt
picture-dashboard: build e2e/alerts/bin/prometheus tools/bin/promtool ## makes docs/dashboard.svg again, of the dashboard's queries on made up data
	@$(JAVA) -cp "$(DIST)/lib/*" tools/DashboardPicture.java
tools: $(TOOLS) ## builds the tools (helm, ct, kubeconform, ...) once for all checkouts
tools/bin/%: tools/go/%/go.mod tools/go/%/go.sum; $(BRING)
tools/bin/postgresql-%: tools/postgresql/%.txt; $(BRING)
tools/bin/yamllint: tools/requirements.txt; $(BRING)
tools/bin/yamale tools/bin/squawk tools/bin/zizmor: tools/bin/yamllint
tools/bin/pgbouncer tools/bin/drivers: $(wildcard examples/requirements.txt examples/node/*.json); $(BRING)
clean:; @rm -rf migrator/target e2e/target ## removes what was built

##@ Develop: images, clusters, and the product on them
image-reproducible: image ## builds the image once more from nothing: only the AOT cache's layer may differ
	@$(JAVA) tools/Reproducible.java migrator/target/image-layers.txt $(MAKE) --no-print-directory clean image
images:; @$(JAVA) tools/images/Images.java base java node pause postgresql postgresql-bitnami python ## container images for tests: prints their archives
images-check:; @$(JAVA) tools/images/Check.java ## runs these images with runc and checks what they promise; needs root and runc
cluster:; @$(CLUSTER) up ## a Kubernetes for tests: kind where Docker answers, else (Linux, root) one from upstream's sources
cluster-down:; @$(CLUSTER) down ## takes it down, and leaves nothing behind
cluster-status:; @$(CLUSTER) status ## what runs in it
cluster-load:; @$(CLUSTER) load "$$IMAGE" ## puts an image on its node: make cluster-load IMAGE=migrator/target/image.tar
cluster-listing:; @$(CLUSTER) prepare; $(CLUSTER) listing ## what a cluster could leave on this machine, to compare
cluster-check:; @$(CLUSTER) check ## brings a cluster up and down, and shows what that changed on this machine
# E2E_KUBECONFIG names another cluster than that of make cluster, with the images of make images on its nodes; E2E_LOAD is
# then what loads an archive there, such as "kind load image-archive". BITNAMI=1: an image like Bitnami's. TESTED: flags, a folder to empty.
LOAD = $(if $(E2E_LOAD),$$E2E_LOAD,$(if $(E2E_KUBECONFIG),,$(CLUSTER) load))
# Brings images of tools/images to the nodes; LOADED: their names, more archives.
LOADED = @$(if $(LOAD),set -e; images=$$($(JAVA) tools/images/Images.java $(1)); for image in $$images $(2); do $(LOAD) "$$image"; done)
define TESTED
@$(if $(LOAD),$(LOAD) $(IMAGE_TAR))
@rm -rf e2e/target/failures e2e/target/$(2)
@$(call MODULE_MVN,e2e) test -Dimage.load=$(if $(E2E_LOAD),"$$E2E_LOAD",'$(LOAD)') $(if $(TEST),-Dtest="$$TEST") \
	$(if $(BITNAMI),-Dpostgresql.bitnami=true) $(if $(E2E_KUBECONFIG),-Dkubeconfig=$(call absolute,E2E_KUBECONFIG)) $(1)
endef
E2E_NEEDS := build deps-test tools/bin/helm tools/bin/helm3 $(IMAGE_TAR)
# The example in Spring, on a Java runtime made of Debian's packages.
SPRING := examples/spring/target/jib-image.tar
$(SPRING): $(wildcard examples/spring/pom.xml examples/spring/src/main/java/org/learnflow/exercise/* tools/images/java/*)
	@base=$$($(JAVA) tools/images/Images.java java); $(call MODULE_MVN,examples/spring) package jib:buildTar \
	  -Djib.from.image="tar://$$base" -Djib.to.image=learnflow.test/exercise:1.0.0
e2e: $(E2E_NEEDS) $(SPRING) ## the promises on a real cluster: that of make cluster, or E2E_KUBECONFIG; TEST=ImageTest for some
	$(call LOADED,node,$(SPRING))
	$(call TESTED,$(call without,alerts|gitops|cnpg|cnpg-gitops|release$(if $(TEST),,|operations)),told.txt)
e2e-operations: $(E2E_NEEDS) $(S3) tools/bin/postgres_exporter ## the same of the days after: backup, restore, rollback, rotation, plan, drift, the pages of docs/
	$(call LOADED,versitygw postgres-exporter)
	$(call TESTED,-Dgroups=operations $(call without,gitops),told.txt)
# Prometheus, which takes minutes to build.
e2e/alerts/bin/%: e2e/alerts/go/%/go.mod e2e/alerts/go/%/go.sum; $(BRING)
e2e-alerts-built:; @$(JAVA) tools/Tools.java built e2e/alerts ## ends with 0 where Prometheus is built already
e2e-alerts: $(E2E_NEEDS) tools/bin/postgres_exporter e2e/alerts/bin/prometheus ## the same of the alerts, with a Prometheus on this machine
	$(call LOADED,postgres-exporter)
	$(call TESTED,-Dgroups=alerts $(call without,),alerts)
# Controllers, which take minutes to build. GITOPS_INSTALLED=ADDRESS is for a cluster that Argo CD and Flux are installed in:
# where their pods reach this machine. Redis is Argo CD's cache.
e2e/gitops/bin/%: e2e/gitops/go/%/go.mod e2e/gitops/go/%/go.sum; $(BRING)
e2e-gitops-built:; @$(JAVA) tools/Tools.java built e2e/gitops ## ends with 0 where the controllers are built already
/usr/bin/redis-server:; apt-get -qq update && apt-get -qq install --yes --no-install-recommends redis-server >/dev/null
e2e-gitops: $(E2E_NEEDS) $(if $(GITOPS_INSTALLED),,$(GITOPS)) ## the same with Argo CD and Flux, see e2e/gitops; TEST=FluxTest for some
	$(call TESTED,-Dgroups=gitops -DexcludedGroups= -Dgo="$(GO)" \
	  $(if $(GITOPS_INSTALLED),-Dgitops.installed=true -Dgitops.address="$$GITOPS_INSTALLED" -Dtests.parallel=false),gitops)
# The operator of CloudNativePG, in the cluster by its own manifest.
e2e/cnpg/bin/%: e2e/cnpg/go/%/go.mod e2e/cnpg/go/%/go.sum; $(BRING)
e2e-cnpg-built:; @$(JAVA) tools/Tools.java built e2e/cnpg ## ends with 0 where its operator is built already
e2e-cnpg: $(E2E_NEEDS) e2e/cnpg/bin/cloudnative-pg $(S3) ## the same on CloudNativePG, see e2e/cnpg; TEST=CloudNativePgTest#install for some
	$(call LOADED,cloudnative-pg pgbouncer postgresql-barman versitygw)
	$(call TESTED,-Dgroups=cnpg $(call without,) -Dgo="$(GO)",cnpg)
# Both: the Cluster and the release by a controller.
e2e-cnpg-gitops: $(E2E_NEEDS) e2e/cnpg/bin/cloudnative-pg $(if $(GITOPS_INSTALLED),,$(GITOPS)) ## CloudNativePG with Argo CD and Flux
	$(call LOADED,cloudnative-pg)
	$(call TESTED,-Dgroups=cnpg-gitops $(call without,) -Dgo="$(GO)",cnpg-gitops)

##@ Release
RELEASE_TOOLS := $(patsubst tools/release/go/%/go.mod,tools/release/bin/%,$(wildcard tools/release/go/*/go.mod))
PLATFORM := $(subst Darwin,macos,$(subst Linux,linux,$(subst x86_64,amd64,$(subst aarch64,arm64,$(shell echo "$$(uname -s)-$$(uname -m)")))))
RELEASED = target/release/"$$VERSION"/learnflow-db-"$$VERSION"
tools/release/bin/%: tools/release/go/%/go.mod tools/release/go/%/go.sum; $(BRING)
tools/scan/bin/%: tools/scan/go/%/go.mod tools/scan/go/%/go.sum; $(BRING)
release-check:; @$(JAVA) tools/ReleaseCheck.java
# Man pages, and what completes a command line.
SHARE := migrator/target/share
$(SHARE)/man/man1/learnflow-db.1: $(DIST)/lib/learnflow-db.jar migrator/src/main/image/Manual.java tools/release/man/pom.xml
	@$(call MODULE_MVN,tools/release/man) dependency:copy-dependencies
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) "$(JDK)/bin/java" --enable-native-access=ALL-UNNAMED \
	  -cp "$(DIST)/lib/*:tools/release/man/target/lib/*" migrator/src/main/image/Manual.java $(SHARE) migrator/target/share-sources
PART := migrator/target/release-part
$(PART): $(STAGED) $(SHARE)/man/man1/learnflow-db.1 $(if $(filter linux-%,$(PLATFORM)),$(IMAGE_TAR)) \
		$(if $(wildcard target/release/$(VERSION)/*-$(PLATFORM).tar.gz),,FORCE)
	@$(BUILD_JAVA)/Archive.java $(DIST) $(dir $(STAGED)) $(SHARE) migrator/target/archive $(RELEASED)-$(PLATFORM)
	@$(if $(filter linux-%,$(PLATFORM)),cp $(IMAGE_TAR) $(RELEASED)-image-$(PLATFORM:linux-%=%).tar); touch $@
release-part: release-check $(DIST)/bin/jdk $(PART) ## what a release needs of this platform: VERSION=1.2.3
release-built:; @$(JAVA) tools/Tools.java built tools/release ## ends with 0 where the tools for a release are built already
release: release-part deps-test $(RELEASE_TOOLS) ## image, chart and program, signed: VERSION=1.2.3, PUSH=1 REGISTRY=ghcr.io/you, COSIGN_KEY=
	@"$(JDK)/bin/java" -cp "$(DIST)/lib/*" tools/Release.java
scan: $(IMAGE_TAR) tools/scan/bin/grype ## known vulnerabilities, with a fix, of the images of a release
	@for image in docker-archive:$(IMAGE_TAR) $$(sed -n '/learnflow-db:/!s/^ *image: /registry:/p' charts/learnflow-db/Chart.yaml); do \
	  tools/scan/bin/grype "$$image" --only-fixed --fail-on high || exit 1; done
e2e-release: release-part deps-test tools/bin/helm $(RELEASE_TOOLS) ## a release in a registry of this machine, installed from there: VERSION=1.2.3-test
	$(call TESTED,-Dgroups=release $(call without,),release)

##@ Measure
BENCH = @JAVA_HOME="$(JDK)" "$(JDK)/bin/java" -cp "$(DIST)/lib/*" bench
bench: bench-migrations bench-seeds bench-startup bench-operations bench-tls bench-install ## all measurements, against psql and other tools
bench-migrations: build; $(BENCH)/Migrations.java ## migrations against psql, goose, golang-migrate, Flyway and Liquibase
bench-seeds: build; $(BENCH)/Seeds.java ## bulk seeds against psql
bench-startup: $(IMAGE_TAR); $(BENCH)/Startup.java ## a run with nothing to do against other tools, and in a pod where there is a cluster
bench-operations: build; $(BENCH)/Operations.java ## plan, drift and rollback, against psql with the same files
bench-tls: build; $(BENCH)/Tls.java ## connections and COPY with TLS and without
bench-install: bench-image; $(BENCH)/Install.java --runs 3 ## helm upgrade --install taken apart, where there is a cluster
bench-backup: bench-image build; $(BENCH)/Backup.java ## backup and restore of 5,000,000 rows through the pod against pg_dump and pg_restore
bench-durability: bench-image build $(S3); $(BENCH)/Durability.java ## how long a release is without its database after a loss, and what it lacks then
bench-fleet: bench-image; $(BENCH)/Fleet.java "$${RELEASES:-50}" "$${PARALLEL:-10}" ## many releases at once: RELEASES=50 PARALLEL=10
bench-summary: build; $(BENCH)/Summary.java ## the wanted figures beside the last results, without measuring
bench-image: deps-test tools/bin/helm $(IMAGE_TAR); @[ ! -e e2e/cluster/kubeconfig ] || $(CLUSTER) load $(IMAGE_TAR)
