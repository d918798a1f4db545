# steelthread: `make run` serves, `make test` tests, `make help` lists the rest.
#
# The build goes to $(BUILD): `build` is what ships, `build/sanitize` has AddressSanitizer and UBSan,
# `build/coverage` has gcov. They share build/generated and build/tests, so run one make at a time.

BUILD ?= build
MAKEFLAGS += --no-builtin-rules --no-print-directory
parallel := $(MAKE) -j$(shell nproc)

.PHONY: help run build packages test test-pooler tests http_tests coverage lint tidy format \
	generate swagger-ui install uninstall deb test-package bench bench-verify bench-streams \
	db-upgrade db-downgrade db-status compose-up compose-down clean
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

# --- flags

PACKAGES := libpq openssl libjwt sqlite3 libxcrypt libutf8proc RapidJSON
# Asio's non-template functions are compiled once, in shared/async.cpp, and Boost throws its exceptions
# without wrapping them. Otherwise both would make up half of each object.
CPPFLAGS := -std=c++20 -pthread -I. -Ibuild/generated -DBOOST_ASIO_SEPARATE_COMPILATION \
	-DBOOST_EXCEPTION_DISABLE $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
# The last two warnings are false alarms of GCC 12, about moved-from variants and Asio's coroutines.
CXXFLAGS := -g1 -fstack-protector-strong -fPIE -Wall -Wextra -Wpedantic -Wshadow -Werror \
	-Wno-maybe-uninitialized -Wno-mismatched-new-delete
LDFLAGS := -fuse-ld=lld -Wl,-z,relro,-z,now,--as-needed \
	-Wl,--export-dynamic-symbol=_gnutls_global_init_skip
LIBS := -lhiredis $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)

# Unoptimised, because coroutines take long to optimise. Undefined behaviour traps, which
# AddressSanitizer reports with the line. AddressSanitizer itself makes most of the omitted checks.
MODE_build/sanitize := -O0 -fsanitize=address,undefined -fsanitize-undefined-trap-on-error \
	-fno-sanitize=null,alignment,object-size,vptr -fno-omit-frame-pointer
MODE_build/coverage := -O0 --coverage
MODE := $(or $(MODE_$(BUILD)),-O2 -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections)
# Tests are compiled once and linked with every variant of the code they test.
TEST_MODE := -O0

# --- files

# The endpoints to build and install, for example ENDPOINTS="tasks task": all of them if empty. /healthz is always
# among them.
ENDPOINTS ?=
all_handlers := $(wildcard handlers/*.cpp)
handler_sources := $(if $(ENDPOINTS),$(patsubst %,handlers/%.cpp,$(sort healthz $(ENDPOINTS))),$(all_handlers))
unknown := $(filter-out $(all_handlers),$(handler_sources))
$(if $(unknown),$(error no endpoint is named $(unknown:handlers/%.cpp=%): the names are \
    $(all_handlers:handlers/%.cpp=%)))
cli_sources := $(wildcard cli/*.cpp)
shared_sources := $(wildcard shared/*.cpp shared/*/*.cpp)
sources := $(handler_sources) $(cli_sources) $(shared_sources)
test_sources := $(wildcard tests/*/*.cpp tests/*/*/*.cpp)
bench_sources := $(wildcard bench/*.cpp)
queries := $(wildcard sql/queries/*.sql)
generated := build/generated/migrations.inc build/generated/functions.inc \
	build/generated/sql/all.hpp \
	$(queries:sql/queries/%.sql=build/generated/sql/%.hpp)

objects = $(patsubst %.cpp,$(BUILD)/obj/%.o,$(1))
test_objects = $(patsubst %.cpp,build/tests/obj/%.o,$(filter $(1),$(test_sources)))
handlers := $(handler_sources:%.cpp=$(BUILD)/%)
handler_tests := $(patsubst %.cpp,$(BUILD)/%,$(filter tests/handlers/%_test.cpp,$(test_sources)))
main := $(BUILD)/obj/shared/main.o
library := $(BUILD)/libshared.a
support := build/tests/libsupport.a
# The Node.js programs that tests/http starts. npm writes these files last.
node_programs := $(patsubst %,tests/%/node_modules/.package-lock.json,better_auth deploy_tools event_source openapi_tools)

# --- targets

run: packages ## install what is missing, build, migrate and serve on HOST:PORT until Ctrl-C
	@$(parallel) build
	@cli/dotenv $(BUILD)/steelthread run --migrate

packages:
	@cli/packages run

build: $(handlers) $(BUILD)/steelthread compile_commands.json ## build the handlers and the CLI
	@rm -f $(filter-out $(handlers),$(wildcard $(BUILD)/handlers/*))

test: ## install what is missing, build, and run every test on SQLite and PostgreSQL
	@cli/packages run test
	@$(parallel) build http_tests
	@$(parallel) BUILD=build/sanitize tests
	@tests/run build/sanitize build

test-pooler: ## run the tests of the whole stack with PgBouncer in front of PostgreSQL
	@cli/packages run test
	@$(parallel) build http_tests
	@POOLER=1 tests/run build build '*/*'

# The tests of shared/ and handlers/ run under the sanitizers, those of the whole stack on what ships.
tests: $(handler_tests) $(BUILD)/tests/shared_tests
	@rm -f $(filter-out $(handler_tests),$(wildcard $(BUILD)/tests/handlers/*))
http_tests: $(BUILD)/tests/http_tests $(node_programs)

coverage: ## run the tests with gcov; fail below 90 % of shared/ or 85 % overall
	@cli/packages run test
	@$(MAKE) BUILD=build/coverage clean  # gcovr would count deleted source files, too
	@$(parallel) BUILD=build/coverage build http_tests tests
	@tests/run build/coverage build/coverage
	gcovr --root . --object-directory build/coverage --filter shared/ --fail-under-line 90
	gcovr --root . --object-directory build/coverage --filter shared/ --filter handlers/ \
	    --filter cli/ --fail-under-line 85

lint: ## check formatting and generated files, and run static analysis
	@cli/packages run lint
	clang-format --dry-run --Werror $(cpp_files)
	@$(parallel) build
	@$(parallel) tidy
	@cli/generate $(BUILD) --check
	@cli/swagger-ui --check

tidy: $(sources:%.cpp=$(BUILD)/tidy/%.ok)

cpp_files = $(shell git ls-files --cached --others --exclude-standard '*.cpp' '*.hpp')
format: ## format all C++ files
	@clang-format -i $(cpp_files)

generate: build ## write the files that are made from the code: routes, OpenAPI, errors, settings
	@cli/generate $(BUILD)

PREFIX ?= /usr/local
program = $(DESTDIR)$(PREFIX)/bin/steelthread
library_folder = $(DESTDIR)$(PREFIX)/lib/steelthread
share_folder = $(DESTDIR)$(PREFIX)/share
install: build ## install ENDPOINTS or everything to $(DESTDIR)$(PREFIX), by default /usr/local
	install -d $(library_folder)/handlers $(share_folder)/steelthread/nginx/docs
	install -D --strip $(BUILD)/steelthread $(program)
	install --strip $(handlers) $(library_folder)/handlers
	install cli/dotenv $(library_folder)
	install -m 644 .env.example $(share_folder)/steelthread/env.example
	install -m 644 $(wildcard nginx/*.conf nginx/*.in) $(share_folder)/steelthread/nginx
	cli/generate $(BUILD) --nginx $(share_folder)/steelthread/nginx
	install -m 644 $(wildcard nginx/docs/*.*) nginx/docs/LICENSE nginx/docs/NOTICE \
	    $(share_folder)/steelthread/nginx/docs
	install -d $(share_folder)/man/man1 $(share_folder)/man/man5 \
	    $(share_folder)/bash-completion/completions
	$(BUILD)/steelthread man 1 > $(share_folder)/man/man1/steelthread.1
	$(BUILD)/steelthread man 5 > $(share_folder)/man/man5/steelthread.5
	$(BUILD)/steelthread completion > $(share_folder)/bash-completion/completions/steelthread
uninstall: ## remove what `make install` has installed there
	rm -rf $(program) $(library_folder) $(share_folder)/steelthread \
	    $(share_folder)/man/man1/steelthread.1 $(share_folder)/man/man5/steelthread.5 \
	    $(share_folder)/bash-completion/completions/steelthread

deb: ## build the Debian package, in build/deb
	@cli/packages build package
	@packaging/deb

test-package: ## install, upgrade and purge the package in a Debian 12 of its own (needs root)
	@cli/packages build package
	@packaging/deb
	@packaging/test build/deb/*.deb

swagger-ui: ## fetch the Swagger UI that nginx/docs pins (needs npm)
	@cli/swagger-ui

bench: ## measure requests per second, latency and CPU beside pgbench and bare nginx
	@cli/packages run test bench
	@$(parallel) build $(BUILD)/bench/delay
	@bench/run

bench-verify: $(BUILD)/bench/verify ## measure the microseconds to verify a token
	@$<

bench-streams: ## measure memory and latency of many event streams (STREAMS=2000)
	@cli/packages run test bench
	@$(parallel) build
	@bench/streams

db-upgrade: build ## bring the schema of DATABASE_URL up to date
	@cli/dotenv $(BUILD)/steelthread migrate up
db-downgrade: build ## undo the newest migration
	@cli/dotenv $(BUILD)/steelthread migrate down
db-status: build ## list the migrations and which of them are applied
	@cli/dotenv $(BUILD)/steelthread migrate status

compose-up: ## start PostgreSQL and steelthread in containers
	docker compose up --build --detach --wait
compose-down: ## stop the containers
	docker compose down

clean: ## remove everything that was built
	rm -rf $(BUILD)

# --- rules

.DELETE_ON_ERROR:
.SECONDARY:

build/generated/sql/%.hpp: sql/queries/%.sql sql/fragments.sql sql/embed.awk
	@mkdir -p $(@D)
	@awk -f sql/embed.awk sql/fragments.sql $< > $@

build/generated/sql/all.hpp: $(queries)
	@mkdir -p $(@D)
	@{ printf '#include "sql/%s.hpp"\n' $(basename $(notdir $^)); \
	    echo 'inline constexpr std::span<const Query* const> all_queries[] = {'; \
	    printf '    sql::%s_queries,\n' $(basename $(notdir $^)); echo '};'; } > $@

# The folders change when a file is renamed.
build/generated/migrations.inc: $(wildcard sql/migrations/* sql/migrations/*/*.sql)
build/generated/functions.inc: $(wildcard sql/functions/* sql/functions/*/*.sql)
build/generated/%.inc: sql/embed_files.awk
	@mkdir -p $(@D)
	@awk -f $< $(filter %.sql,$^) > $@

# For clangd and clang-tidy. The commands leave out GCC's precompiled header, which they cannot read.
all_sources := $(sources) $(test_sources) $(bench_sources)
compile_commands.json: Makefile $(sort $(dir $(all_sources)))
	@entry='{"directory": "$(CURDIR)", "file": "%s", "command": "$(CXX) $(CPPFLAGS) -c %s"},\n'; \
	{ echo '['; printf "$$entry" $(foreach source,$(all_sources),$(source) $(source)) | \
	    sed '$$s/,$$//'; echo ']'; } > $@

headers := $(wildcard shared/*.hpp shared/*/*.hpp cli/*.hpp)
$(BUILD)/tidy/%.ok: %.cpp .clang-tidy $(headers) $(generated) | compile_commands.json
	@mkdir -p $(@D)
	clang-tidy-16 --quiet -p . $<
	@touch $@

# GCC reads a precompiled header when it includes precompiled.hpp from the same folder.
compile = mkdir -p $(@D) && echo "compile $<" && \
    $(CXX) $(CPPFLAGS) $(CXXFLAGS) $(1) -MMD -MP -o $@
$(BUILD)/precompiled.hpp.gch: shared/precompiled.hpp Makefile | $(generated)
	@$(call compile,$(MODE) -x c++-header $<)
$(BUILD)/obj/%.o: %.cpp $(BUILD)/precompiled.hpp.gch | $(generated)
	@$(call compile,$(MODE) -include $(BUILD)/precompiled.hpp -c $<)
build/tests/precompiled.hpp.gch: shared/precompiled.hpp Makefile | $(generated)
	@$(call compile,$(TEST_MODE) -x c++-header $<)
build/tests/obj/%.o: %.cpp build/tests/precompiled.hpp.gch | $(generated)
	@$(call compile,$(TEST_MODE) -include build/tests/precompiled.hpp -c $<)

$(library): $(call objects,$(filter-out shared/main.cpp,$(shared_sources)))
$(support): $(call test_objects,tests/support/%)
%.a:
	@rm -f $@ && ar rcs $@ $^

# What ships leaves out unused functions, and handlers contain libstdc++: they start faster and need a
# tenth less memory than with the shared library.
link = mkdir -p $(@D) && echo "link    $@" && \
    $(CXX) $(CXXFLAGS) $(MODE) $(LDFLAGS) $(1) $(LIBS) -o $@
shipped = $(if $(MODE_$(BUILD)),,$(1))
$(BUILD)/handlers/%: $(BUILD)/obj/handlers/%.o $(main) $(library)
	@$(call link,-pie $(call shipped,-Xlinker --gc-sections -static-libstdc++ -static-libgcc) $^)
$(BUILD)/steelthread: $(call objects,$(cli_sources)) $(library)
	@$(call link,-pie $(call shipped,-Xlinker --gc-sections) $^)
$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(support) $(library)
	@$(call link,-pie $^ -lcurl -lcriterion)

# The tested code is linked first and as a whole: if a test has a copy of one of its inline functions,
# the linker takes the sanitized one. The address is fixed, because in each test's process the
# sanitizers' data would otherwise need 17,000 relocations.
link_test = $(call link,-no-pie $(filter $(BUILD)/obj/%,$^) -Xlinker --whole-archive $(library) \
	-Xlinker --no-whole-archive $(filter build/tests/%,$^) -lcriterion -lcurl)
$(BUILD)/tests/handlers/%_test: $(BUILD)/obj/handlers/%.o build/tests/obj/tests/handlers/%_test.o \
    $(support) $(library)
	@$(link_test)
$(BUILD)/tests/shared_tests: $(call test_objects,tests/shared/%) $(support) $(library)
	@$(link_test)
$(BUILD)/tests/http_tests: $(call test_objects,tests/http/%) $(support) $(library)
	@$(link_test)

$(node_programs): %/node_modules/.package-lock.json: %/package-lock.json
	cd $(<D) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

-include $(patsubst %.o,%.d,$(call objects,$(sources) $(bench_sources)) $(call test_objects,%)) \
    $(BUILD)/precompiled.hpp.d build/tests/precompiled.hpp.d
