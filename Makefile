# steelthread: `make run` serves, `make test` proves, `make help` lists the rest.
#
# What is built lies in $(BUILD). Variants of the build are other values of it: build/sanitize
# (AddressSanitizer, UBSan) and build/coverage (gcov). They share build/generated and build/tests, so make
# one of them at a time.

BUILD ?= build
CXX ?= g++

PKGS := libpq openssl libjwt sqlite3 libxcrypt RapidJSON
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS = $(shell pkg-config --libs $(PKGS))

# GCC 12 takes a std::variant that was moved from for an uninitialised one, and what Asio allocates for a coroutine
# for something else than what it frees.
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Werror -Wno-maybe-uninitialized -Wno-mismatched-new-delete
HARDENING := -fstack-protector-strong -fPIE
OPTIMISE := -O2 -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections

# Below this many KiB the compiler does not look for memory that it could use again: an eighth of its time, for a
# fifth more memory. Not for what users build.
ROOM := --param ggc-min-heapsize=524288

# Not optimised, and without the checks at every single access, which AddressSanitizer mostly makes as well:
# each of the two halves the time it takes to compile a coroutine. Undefined behaviour is an illegal instruction, which
# AddressSanitizer reports with its line: a description of each place would be a fifth of the code, and half of
# what the leak check reads in every test.
SANITIZE := -O0 -fsanitize=address,undefined -fno-sanitize=null,alignment,object-size,vptr \
	-fsanitize-undefined-trap-on-error -fno-omit-frame-pointer $(ROOM)
COVERAGE := -O0 --coverage
MODE_build/sanitize := $(SANITIZE)
MODE_build/coverage := $(COVERAGE)
MODE := $(or $(MODE_$(BUILD)),$(OPTIMISE))

# Tests are compiled once, without optimisation, sanitizers or gcov, and linked with the code that they test in each of its variants.
TEST_MODE := -O0 $(ROOM)

# What is compiled as one has its anonymous namespaces in files that are included.
CXXFLAGS := -std=c++20 -g1 $(WARNINGS) -Wno-subobject-linkage $(HARDENING) -pthread
# Asio's functions that are no templates are compiled once, in shared/async.cpp, and its exceptions thrown as
# they are: otherwise both are half of the code of every object.
CPPFLAGS = -I. -Ibuild/generated $(PKG_CFLAGS) -DBOOST_ASIO_SEPARATE_COMPILATION -DBOOST_EXCEPTION_DISABLE
LDFLAGS := -fuse-ld=lld -pie -Wl,-z,relro,-z,now -Wl,--as-needed
# Each executable keeps only what it uses. libstdc++ is part of handlers: a tenth less memory and time to start than
# with its shared library. Only as they are shipped; of tests, Criterion finds what nothing else refers to.
GARBAGE := $(if $(MODE_$(BUILD)),,-Xlinker --gc-sections)
STATIC := $(if $(MODE_$(BUILD)),,-static-libstdc++ -static-libgcc)
LIBS = -lfcgi -lhiredis $(PKG_LIBS)

handler_sources := $(wildcard handlers/*.cpp)
handlers := $(handler_sources:%.cpp=$(BUILD)/%)
queries := $(patsubst sql/queries/%.sql,build/generated/sql/%.hpp,$(wildcard sql/queries/*.sql)) \
	build/generated/sql/all.hpp
shared_sources := $(filter-out shared/main.cpp,$(wildcard shared/*.cpp shared/*/*.cpp))
cli_sources := $(wildcard cli/*.cpp)
handler_test_sources := $(wildcard tests/handlers/*_test.cpp)
shared_test_sources := $(wildcard tests/shared/*_test.cpp tests/shared/*/*_test.cpp)
http_test_sources := $(wildcard tests/http/*_test.cpp)
support_sources := $(wildcard tests/support/*.cpp tests/support/*/*.cpp)

# A unit is what is compiled as one, for to read the headers takes longer than all of the rest: the files of
# a folder, and with them those of its folders that would take a few seconds alone. Of handlers/ as it is shipped they are those of a resource
# ("handlers/job" has job.cpp, jobs.cpp and job_*.cpp), so that who changes one waits for few.
resource = $(patsubst %s,%,$(firstword $(subst _, ,$(basename $(notdir $(1))))))
by_resource := $(if $(MODE_$(BUILD)),,handlers/)
joined_folders := $(addprefix shared/,events http json models redis) \
	$(addprefix tests/shared/,db events http json redis websocket)
folder = $(patsubst %/,%,$(dir $(1)))
unit_folder = $(if $(filter $(joined_folders),$(folder)),$(call folder,$(folder)),$(folder))
unit = $(unit_folder)$(if $(filter $(by_resource),$(dir $(1))),/$(call resource,$(1)))
units = $(sort $(foreach source,$(1),$(call unit,$(source))))
objects = $(patsubst %,$(BUILD)/obj/%.o,$(call units,$(1)))
test_objects = $(patsubst %,build/tests/obj/%.o,$(call units,$(1)))
support := build/tests/libsupport.a
# The programs for Node.js that tests/http starts; npm writes these files when all is in place.
node_programs := $(patsubst %,tests/%/node_modules/.package-lock.json,better_auth event_source)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# --- running

.PHONY: run build packages
run: packages ## install what is missing, build, migrate and serve on HOST:PORT until Ctrl-C
	@$(MAKE) --no-print-directory -j$$(nproc) build
	@cli/dotenv $(BUILD)/steelthread run --migrate

build: $(handlers) $(BUILD)/steelthread ## build the handlers and the command line tool
	@rm -f $(filter-out $(handlers),$(wildcard $(BUILD)/handlers/*))

packages:
	@cli/packages run

# --- testing

.PHONY: test test-pooler coverage bench
test: ## install what is missing, build, and run every test on SQLite and PostgreSQL
	@cli/packages run test
	@$(MAKE) --no-print-directory -j$$(nproc) build http_tests
	@$(MAKE) --no-print-directory -j$$(nproc) BUILD=build/sanitize tests
	@tests/run build/sanitize build

test-pooler: ## the tests of the whole stack, with PgBouncer in front of PostgreSQL
	@cli/packages run test
	@$(MAKE) --no-print-directory -j$$(nproc) build http_tests
	@POOLER=1 tests/run build build '*/*'

# tests/shared and tests/handlers run under AddressSanitizer and UBSan; the stack that tests/http starts is
# the one that is shipped.
.PHONY: tests http_tests
http_tests: $(BUILD)/tests/http_tests $(node_programs)
tests: $(BUILD)/tests/handler_tests $(BUILD)/tests/shared_tests

coverage: ## run the tests with gcov; fails under 90 % of shared/ or 85 % overall
	@cli/packages run test
	@$(MAKE) --no-print-directory BUILD=build/coverage clean  # gcovr would count what is no longer compiled
	@$(MAKE) --no-print-directory -j$$(nproc) BUILD=build/coverage build http_tests tests
	@tests/run build/coverage build/coverage
	gcovr --root . --filter shared/ --object-directory build/coverage --fail-under-line 90
	gcovr --root . --filter shared/ --filter handlers/ --filter cli/ --object-directory build/coverage --fail-under-line 85

bench: ## requests per second, latency and CPU beside pgbench and bare nginx
	@cli/packages run test bench
	@$(MAKE) --no-print-directory -j$$(nproc) build $(BUILD)/bench/delay
	@bench/run

# --- database

.PHONY: db-upgrade db-downgrade db-status compose-up compose-down
db-upgrade: build ## bring the schema of DATABASE_URL up to date
	@cli/dotenv $(BUILD)/steelthread migrate up

db-downgrade: build ## undo the newest migration
	@cli/dotenv $(BUILD)/steelthread migrate down

db-status: build ## list the migrations and which of them are applied
	@cli/dotenv $(BUILD)/steelthread migrate status

compose-up: ## PostgreSQL and steelthread in containers
	docker compose up --build --detach --wait

compose-down: ## stop them
	docker compose down

# --- keeping house

.PHONY: lint format generate swagger-ui clean
cpp_files := $(shell git ls-files --cached --others --exclude-standard '*.cpp' '*.hpp' 2>/dev/null)
lint: ## formatting, static analysis, and generated files that are out of date
	@cli/packages run lint
	clang-format --dry-run --Werror $(cpp_files)
	@$(MAKE) --no-print-directory -j$$(nproc) build
	@$(MAKE) --no-print-directory -j$$(nproc) tidy
	@cli/generate $(BUILD) --check
	@cli/swagger-ui --check

tidy_stamps := $(patsubst %.cpp,$(BUILD)/tidy/%.ok,$(wildcard handlers/*.cpp cli/*.cpp) $(shared_sources) shared/main.cpp)
.PHONY: tidy
tidy: $(tidy_stamps)
headers := $(wildcard shared/*.hpp shared/*/*.hpp cli/*.hpp)
$(BUILD)/tidy/%.ok: %.cpp .clang-tidy $(headers) $(queries)
	@mkdir -p $(@D)
	clang-tidy --quiet $< -- -std=c++20 $(CPPFLAGS)
	@touch $@

format: ## format all C++ files
	clang-format -i $(cpp_files)

generate: build ## write what is made from the code: routes, OpenAPI, tables of endpoints, settings, errors
	@cli/generate $(BUILD)

swagger-ui: ## fetch the Swagger UI that nginx/docs pins (needs npm)
	@cli/swagger-ui

clean: ## remove everything that was built
	rm -rf $(BUILD)

# --- rules

.PRECIOUS: $(BUILD)/obj/bench/%.o build/generated/sql/%.hpp
.DELETE_ON_ERROR:

build/generated/sql/%.hpp: sql/queries/%.sql sql/embed.awk
	@mkdir -p $(@D)
	@awk -f sql/embed.awk $< > $@

build/generated/sql/all.hpp: $(wildcard sql/queries/*.sql)
	@mkdir -p $(@D)
	@{ for name in $(basename $(notdir $^)); do echo "#include \"sql/$$name.hpp\""; done; \
	    echo "inline constexpr std::span<const Query* const> all_queries[] = {"; \
	    for name in $(basename $(notdir $^)); do echo "    sql::$${name}_queries,"; done; echo "};"; } > $@

build/generated/migrations.inc: sql/embed_migrations.awk $(wildcard sql/migrations/*/*.sql)
	@mkdir -p $(@D)
	@awk -f $^ > $@

compile = $(CXX) $(CPPFLAGS) $(CXXFLAGS)

# -include finds the precompiled header first: it lies in a folder that holds nothing else.
precompiled := precompiled/precompiled.hpp.gch
$(BUILD)/$(precompiled): shared/precompiled.hpp Makefile
	@mkdir -p $(@D)
	@echo "compile $@"
	@$(compile) $(MODE) -x c++-header $< -o $@

# The prerequisites of a unit are its sources, and a list of them that is written anew when one comes or goes.
sources := $(handler_sources) $(shared_sources) $(cli_sources)
test_sources := $(handler_test_sources) $(shared_test_sources) $(http_test_sources) $(support_sources)
$(foreach source,$(sources),$(eval sources_of_$(call objects,$(source)) += $(source)))
$(foreach source,$(test_sources),$(eval sources_of_$(call test_objects,$(source)) += $(source)))
all_objects := $(call objects,$(sources)) $(call test_objects,$(test_sources))
space := $() $()
as_word = $(subst $(space),|,$(strip $(1)))
write_list = $(if $(filter $(call as_word,$(sources_of_$(1))),$(call as_word,$(file <$(1:.o=.list)))),,\
	$(shell mkdir -p $(dir $(1)))$(file >$(1:.o=.list),$(sources_of_$(1))))
$(foreach object,$(all_objects),$(call write_list,$(object))\
	$(eval $(object): $(sources_of_$(object)) $(object:.o=.list)))
compile_unit = $(compile) $(1) -I$(2)/precompiled -include precompiled.hpp \
	$(addprefix -include ,$(filter $(sources) $(test_sources),$^)) \
	-MMD -MP -MF $(@:.o=.d) -MT $@ -x c++ -c - -o $@ </dev/null

$(call objects,$(sources)): $(BUILD)/obj/%.o: $(BUILD)/$(precompiled) | $(queries) build/generated/migrations.inc
	@mkdir -p $(@D)
	@echo "compile $@"
	@$(call compile_unit,$(MODE),$(BUILD))

$(handlers:$(BUILD)/handlers/%=$(BUILD)/obj/main/%.o): $(BUILD)/obj/main/%.o: shared/main.cpp Makefile
	@mkdir -p $(@D)
	@$(compile) $(MODE) -DHANDLER=$* -MMD -MP -c $< -o $@

build/tests/$(precompiled): shared/precompiled.hpp Makefile
	@mkdir -p $(@D)
	@echo "compile $@"
	@$(compile) $(TEST_MODE) -x c++-header $< -o $@

$(call test_objects,$(test_sources)): build/tests/obj/%.o: build/tests/$(precompiled) | $(queries) build/generated/migrations.inc
	@mkdir -p $(@D)
	@echo "compile $@"
	@$(call compile_unit,$(TEST_MODE),build/tests)

$(BUILD)/libshared.a: $(call objects,$(shared_sources))
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

$(foreach source,$(handler_sources),$(eval $(source:%.cpp=$(BUILD)/%): $(call objects,$(source))))
$(BUILD)/handlers/%: $(BUILD)/obj/main/%.o $(BUILD)/libshared.a
	@mkdir -p $(@D)
	@echo "link    $@"
	@$(CXX) $(CXXFLAGS) $(MODE) $(LDFLAGS) $(GARBAGE) $(STATIC) -Wl,--export-dynamic-symbol=_gnutls_global_init_skip \
		$(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@

$(BUILD)/steelthread: $(call objects,$(cli_sources)) $(BUILD)/libshared.a
	@mkdir -p $(@D)
	@echo "link    $@"
	@$(CXX) $(CXXFLAGS) $(MODE) $(LDFLAGS) $(GARBAGE) $^ $(LIBS) -o $@

$(support): $(call test_objects,$(support_sources))
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

# What is tested comes first, and whole: where a test has a copy of one of its inline functions, the
# linker takes the one with sanitizers. At a fixed address, for the sanitizers' data is 17,000 relocations
# otherwise, in each test's process anew. The symbol is that of shared/db/postgres_connection.cpp.
link_test = $(CXX) $(CXXFLAGS) $(MODE) $(filter-out -pie,$(LDFLAGS)) -no-pie \
	-Wl,--export-dynamic-symbol=_gnutls_global_init_skip $(filter $(BUILD)/obj/%,$^) -Wl,--whole-archive $(BUILD)/libshared.a \
	-Wl,--no-whole-archive $(filter build/tests/%,$^) $(LIBS) -lcriterion

$(BUILD)/tests/handler_tests: $(call objects,$(handler_sources)) $(BUILD)/libshared.a $(call test_objects,$(handler_test_sources)) $(support)
	@mkdir -p $(@D)
	@echo "link    $@"
	@$(link_test) -o $@

$(BUILD)/tests/shared_tests: $(BUILD)/libshared.a $(call test_objects,$(shared_test_sources)) $(support)
	@mkdir -p $(@D)
	@echo "link    $@"
	@$(link_test) -o $@

$(BUILD)/tests/http_tests: $(BUILD)/libshared.a $(call test_objects,$(http_test_sources)) $(support)
	@mkdir -p $(@D)
	@echo "link    $@"
	@$(link_test) -lcurl -o $@

$(node_programs): %/node_modules/.package-lock.json: %/package-lock.json
	cd $(<D) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

-include bench/Makefile.inc

-include $(shell find $(BUILD)/obj build/tests/obj -name '*.d' 2>/dev/null)
