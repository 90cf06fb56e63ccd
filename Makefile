# kiln: `make` leaves build/kiln. `make help` lists the rest.
#
##  make                      build/kiln
##  make appliance            the core profile, built and booted in QEMU
##  make check                tests, 45 minutes;  check-quick: 3 minutes;  check-full: all of them
##  make check-quick T=plan   only tests with "plan" in the name
##  make deps                 install the Debian packages that all this needs
##  make install, uninstall   DESTDIR=, prefix=/usr/local
##  make lint                 order of the source, shellcheck, codespell, cppcheck
##  make format, format-check clang-format 14
##  make fuzz SECONDS=60      libFuzzer targets, each for so long
##  make agent, unit, man     kiln-agent for this machine; unit tests; man pages
##  make clean
#
#   make V=1                 show commands
#   make CC=clang            another compiler
#   make SANITIZE=address,undefined
#   make WERROR=1            warnings are errors (CI)

B         ?= build
prefix    ?= /usr/local
bindir    ?= $(prefix)/bin
mandir    ?= $(prefix)/share/man
docdir    ?= $(prefix)/share/doc/kiln
datadir   ?= $(prefix)/share/kiln
compdir   ?= $(prefix)/share/bash-completion/completions
VERSION   := 0.1
CFLAGS    ?= -O2 -g
PKGS      := libarchive yaml-0.1 libcurl blkid fdisk libcrypto jansson
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(WARN) $(if $(WERROR),-Werror) -Ibuilder \
             -DKILN_VERSION=\"$(VERSION)\" -include builder/base/banned.h $(PKG_CFLAGS) $(SAN) $(CFLAGS)
ALL_LIBS   = $(PKG_LIBS) -lcrypt -lpthread $(SAN)
comma     := ,
ifdef SANITIZE
SAN       := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
B         := $(B)-$(subst $(comma),-,$(SANITIZE))
endif
Q         := $(if $(V),,@)

LIB_SRC   := $(sort $(wildcard builder/base/*.c builder/config/*.c builder/plan/*.c builder/lock/*.c builder/fetch/*.c \
             builder/deb/*.c builder/sbom/*.c builder/diff/*.c builder/oci/*.c builder/tree/*.c builder/wire/*.c builder/boot/*.c builder/disk/*.c \
             builder/format/*.c builder/guest/*.c builder/vm/*.c builder/steps/*.c))
CMD_SRC   := $(sort $(wildcard builder/cmd/*.c)) builder/main.c
# The program on the appliance, built here for its tests; the real one is compiled in the target's tools tree.
AGENT_SRC := $(sort $(wildcard builder/target/agent/*.c))
UNIT_SRC  := $(sort $(wildcard builder/tests/unit/*_test.c))
AGENT_OBJ := $(AGENT_SRC:%.c=$(B)/%.o)
LIB_OBJ   := $(LIB_SRC:%.c=$(B)/%.o)
CMD_OBJ   := $(CMD_SRC:%.c=$(B)/%.o)
UNIT_BIN  := $(UNIT_SRC:builder/tests/unit/%.c=$(B)/unit/%)
TOOL_SRC  := $(sort $(wildcard builder/tests/tools/*.c))
TOOL_BIN  := $(TOOL_SRC:builder/tests/tools/%.c=$(B)/tools/%)

all: $(B)/kiln $(B)/kiln.bash

$(B)/kiln: $(CMD_OBJ) $(B)/gen/help.o $(B)/libkiln.a
	@echo "  LD      $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LIBS) $(LDFLAGS)

# --help, completion and man pages have one source: docs/man.
MAN_SRC   := docs/man/kiln.1.scd $(sort $(wildcard docs/man/kiln-*.1.scd))
PAGES     := $(MAN_SRC) $(sort $(wildcard docs/man/*.5.scd docs/man/*.8.scd))
$(B)/gen/help.c: $(MAN_SRC) builder/scripts/genhelp
	@echo "  GEN     $@"
	@mkdir -p $(@D)
	$(Q)builder/scripts/genhelp c $(MAN_SRC) >$@.tmp && mv $@.tmp $@
$(B)/gen/help.o: $(B)/gen/help.c
	@echo "  CC      $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/kiln.bash: $(MAN_SRC) builder/scripts/genhelp
	@echo "  GEN     $@"
	@mkdir -p $(@D)
	$(Q)builder/scripts/genhelp bash $(MAN_SRC) >$@.tmp && mv $@.tmp $@

man: $(PAGES:docs/man/%.scd=$(B)/man/%)
$(B)/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	$(Q)SOURCE_DATE_EPOCH=0 scdoc <$< >$@.tmp && mv $@.tmp $@

# Where the data will be is compiled into one file, which is made again when that changes.
$(B)/gen/datadir: FORCE
	@mkdir -p $(@D)
	@echo '$(datadir)' | cmp -s - $@ || echo '$(datadir)' >$@
$(B)/builder/config/roots.o: $(B)/gen/datadir
$(B)/builder/config/roots.o: ALL_CFLAGS += -DKILN_DATA_DIR=\"$(datadir)\"

$(B)/libkiln.a: $(LIB_OBJ)
	@echo "  AR      $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/%.o: %.c
	@echo "  CC      $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libagent.a: $(filter-out %/main.o,$(AGENT_OBJ))
	@echo "  AR      $@"
	$(Q)rm -f $@ && ar rcs $@ $^

agent: $(B)/kiln-agent
$(B)/kiln-agent: $(B)/builder/target/agent/main.o $(B)/libagent.a $(B)/libkiln.a
	@echo "  LD      $@"
	$(Q)$(CC) -o $@ $^ -lmicrohttpd $(ALL_LIBS) $(LDFLAGS)

$(B)/builder/tree/shortcuts.o: builder/tree/deb-systemd-helper.sh

# One cmocka program per *_test.c, linked with the whole library.
$(B)/unit/%: builder/tests/unit/%.c $(B)/libagent.a $(B)/libkiln.a
	@echo "  TEST    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(B)/libagent.a $(B)/libkiln.a -lcmocka -lmicrohttpd $(ALL_LIBS) $(LDFLAGS)

# Programs for the test scripts.
$(B)/tools/%: builder/tests/tools/%.c $(B)/libkiln.a
	@echo "  TEST    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(B)/libkiln.a $(ALL_LIBS) $(LDFLAGS)

unit: $(UNIT_BIN) $(TOOL_BIN)

# libFuzzer targets, with clang: `make fuzz` builds them, `make fuzz SECONDS=60` runs each for so long as well. Nothing is
# inlined, so that builder/tests/e2e/fuzz.sh sees by name what their seeds reach.
FUZZ_SRC  := $(sort $(wildcard builder/tests/fuzz/*_fuzz.c))
FUZZ_BIN  := $(FUZZ_SRC:builder/tests/fuzz/%.c=$(B)/fuzz/%)
$(B)/fuzz/%: builder/tests/fuzz/%.c $(B)/libkiln.a
	@echo "  FUZZ    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(B)/libkiln.a $(ALL_LIBS) $(LDFLAGS)
fuzz:
	@$(MAKE) --no-print-directory CC=clang SANITIZE=address,undefined,fuzzer-no-link CFLAGS='-O1 -g -fno-inline' \
	    B=build-fuzz fuzz-targets
	@[ -z "$(SECONDS)" ] || builder/tests/fuzz/run build-fuzz $(SECONDS)
fuzz-targets: $(FUZZ_BIN)

# kiln, its pages, its completion, and its data; the sources of the appliance's own programs are data, too.
DATA      = $(shell find overlays profiles firmware builder/base builder/target \( -type f -o -type l \) -not -name '.*' -not -name '*~') \
            $(wildcard qemu-test/*.yaml)
data_is_ours = $(if $(filter kiln,$(notdir $(datadir))),,$(error datadir is replaced as a whole: it must end in /kiln))
install: all man
	$(data_is_ours)
	@echo "  INSTALL $(DESTDIR)$(prefix)"
	$(Q)install -D -m 755 $(B)/kiln $(DESTDIR)$(bindir)/kiln
	$(Q)install -D -m 644 $(B)/kiln.bash $(DESTDIR)$(compdir)/kiln
	$(Q)set -e; for f in $(notdir $(PAGES:.scd=)); do install -D -m 644 $(B)/man/$$f $(DESTDIR)$(mandir)/man$${f##*.}/$$f; done
	$(Q)install -d $(DESTDIR)$(docdir) && install -m 644 README.md $(wildcard docs/*.md) $(DESTDIR)$(docdir)
	$(Q)rm -rf $(DESTDIR)$(datadir)
	$(Q)set -e; for f in $(DATA); do [ -x $$f ] && m=755 || m=644; install -D -m $$m $$f $(DESTDIR)$(datadir)/$$f; done
uninstall:
	$(data_is_ours)
	rm -rf $(DESTDIR)$(bindir)/kiln $(DESTDIR)$(compdir)/kiln $(DESTDIR)$(datadir)
	rm -f $(foreach f,README.md $(notdir $(wildcard docs/*.md)),$(DESTDIR)$(docdir)/$(f))
	rm -f $(foreach f,$(notdir $(PAGES:.scd=)),$(DESTDIR)$(mandir)/man$(patsubst .%,%,$(suffix $(f)))/$(f))

deps:
	@builder/scripts/deps

# The core profile, built and booted: ends with the table of healthy services.
appliance: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	$(B)/kiln test profiles/core.yaml --scenario first-boot

# Tests by level (docs/testing.md): quick 3 minutes, check 45, full as long as it takes. T=PATTERN picks some.
JOBS      := -j$(shell nproc 2>/dev/null || echo 1)
check-quick:
	@$(MAKE) --no-print-directory $(JOBS) all agent unit
	@builder/tests/run quick $(B) $(T)
check: deps
	@$(MAKE) --no-print-directory check-installed
check-installed:
	@$(MAKE) --no-print-directory $(JOBS) all agent unit
	@$(MAKE) --no-print-directory lint
	@builder/tests/run check $(B) $(T)
check-full: deps
	@$(MAKE) --no-print-directory $(JOBS) all agent unit
	@$(MAKE) --no-print-directory lint
	@$(if $(SECONDS),KILN_FUZZ_SECONDS=$(SECONDS)) builder/tests/run full $(B) $(T)

SCRIPTS   := $(shell git ls-files 2>/dev/null | grep -E '\.(sh|bash)$$|^builder/scripts/|^builder/tests/(run|gpu-layout)$$|^\.ci/run$$|^qemu-test/fixtures/[a-z0-9-]+(\.entrypoint)?$$') \
             $(shell git grep -lE '^\#!.*/(env +)?(ba)?sh( |$$)' -- overlays qemu-test/overlays 2>/dev/null)
C_FILES   := $(shell git ls-files 'builder/*.[ch]' 2>/dev/null)
# cppcheck reads no headers of libraries: macros that are statements or pieces of a format.
CPPCHECK_MACROS := '-Djson_array_foreach(a,i,v)=if((i=json_array_size(a))&&(v=json_array_get(a,i)))while(i--)' \
             '-DJSON_INTEGER_FORMAT="lld"' '-Djson_object_foreach(o,k,v)=while((k=json_object_iter_key(o))&&(v=json_object_get(o,k)))'
lint: lint-order
	@echo "  LINT    shellcheck, codespell, cppcheck"
	$(Q)shellcheck -x $(SCRIPTS)
	$(Q)codespell --skip='*.json,*/tests/corpus/*,*/tests/golden/*,*/tests/unit/*' -L 'bui,conectix,ser,te,ans,fo,nd,crypted,bulid,bu,caf,biuld,servises,renderd' builder overlays profiles firmware qemu-test docs README.md Makefile
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --suppress=missingIncludeSystem --suppress=varFuncNullUB --suppress=normalCheckLevelMaxBranches \
	    --enable=warning,portability --std=c11 $(CPPCHECK_MACROS) -Ibuilder -j2 $(filter-out builder/tests/%,$(filter %.c,$(C_FILES)))
# No file includes or calls upward, no circles.
lint-order: all
	@builder/scripts/include-order
	@builder/scripts/call-order $(B)
# Versions of clang-format disagree; the source is as version 14 (Debian 12) has it, and others check nothing.
CLANG_FORMAT ?= $(shell command -v clang-format-14 || command -v clang-format)
IS_14     := $(shell $(CLANG_FORMAT) --version 2>/dev/null | grep -o 'version 14\.')
format:
	$(if $(IS_14),,$(error needs clang-format 14, CLANG_FORMAT names it))
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)
format-check:
	$(if $(IS_14),$(Q)$(CLANG_FORMAT) --dry-run -Werror $(C_FILES),@echo "  FORMAT  skipped: needs clang-format 14")

help:
	@sed -n 's/^##  \?//p' Makefile

clean:
	rm -rf $(B) build-*

.PHONY: FORCE help man install uninstall all agent appliance unit fuzz fuzz-targets clean deps check check-installed check-quick check-full lint lint-order format format-check
.SECONDARY:
-include $(shell find $(B)/builder $(B)/unit $(B)/fuzz $(B)/gen -type f -name '*.d' 2>/dev/null)
