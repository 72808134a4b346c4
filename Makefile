# SPDX-License-Identifier: ISC
#
# NAME      Makefile - builds, tests and runs shackd
# PURPOSE   One file to read whole: `make run` and `make test` are all that a stranger needs.
# CONTRACT  programs land at the top of the tree, everything else in build/; SAN=address,undefined
#           and DEBUG=1 build into folders of their own; CFLAGS, CPPFLAGS and LDFLAGS are honoured
# LIMITS    GNU make, Linux, Debian's package names

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc) --no-print-directory
endif
VERSION  := 0.4.0
DATE     := $(shell git log -1 --format=%cd --date=format:%Y%m%d 2>/dev/null || echo 20260101)

ifeq ($(origin CC),default)
CC       := gcc
endif
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
INIT     ?= sysv systemd
SECONDS  ?= 60

# ---- what is built how -----------------------------------------------------------------------

VARIANT  := $(if $(SAN),san,$(if $(DEBUG),debug,release))
B        := build/$(VARIANT)
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wformat=2 -Wno-format-nonliteral
CF       := -std=gnu11 -I. -I$(B) -D_GNU_SOURCE $(CPPFLAGS) $(CFLAGS) $(WARN) $(WERROR) \
            -fno-omit-frame-pointer -fno-common -fstack-protector-strong \
            $(if $(DEBUG),-O0 -g3) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -O1)
LF       := $(LDFLAGS) $(if $(SAN),-fsanitize=$(SAN)) -Wl,-z,relro,-z,now -Wl,--build-id

# What each program is linked of. shackctl needs no store, and nobody but main.c knows all.
SHM      := $(filter-out shm/fault.c shm/stamp.c,$(wildcard shm/*.c))
STORE    := $(wildcard shm/store/*.c)
CONF     := $(patsubst %,master/%.c,options inifile value config config_ask config_check config_listen \
              key dump flags version problems)

MAKERS   := master/mkdoc.c
MAINS    := master/main.c $(MAKERS)
SHACKCTL := $(wildcard master/shackctl*.c) $(CONF) $(SHM)
MASTER   := $(filter-out $(MAINS) $(wildcard master/shackctl*.c),$(wildcard master/*.c master/*/*.c))
# A small TCP service and points to fail at, of test builds only.
ONLYTEST := shm/fault.c workers/ysf/misbehave.c $(wildcard workers/line/*.c)
# What a worker of any kind is made of, and the kinds that live in shackd-net, with their libraries.
FRAME    := $(filter-out workers/roles%.c,$(wildcard workers/*.c))
NET      := $(wildcard workers/data/*.c workers/feed/*.c workers/link/*.c)
WORKERS  := $(filter-out $(ONLYTEST) $(NET) workers/roles_net.c,$(wildcard workers/*.c workers/*/*.c))
PARTS    := $(SHM) $(STORE) $(MASTER) $(WORKERS)
ONE      := master/main.c $(PARTS)
TWO      := workers/roles_net.c $(SHM) $(STORE) $(FRAME) $(NET)

# what shackd must never be linked to
NETLIBS       := -lcares -lmosquitto
LIBS          := -llmdb -lsodium -linih -lev -lseccomp -ljansson -lpthread -lm
LIBS_NET      := -llmdb -lsodium -lev -lseccomp $(NETLIBS) -lpthread -lm
LIBS_SHACKCTL := -linih -ljansson -lsodium -lm

obj      = $(patsubst %.c,$(B)/%.o,$(1))
UNIT     := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
LOADLIB  := $(wildcard tests/load/lib_*.c)
LOAD     := $(patsubst %,$(B)/tests/load/%,ysfsim linesim doctored bare dxsim dxdoctored)
PERFRAME := $(B)/tests/load/perframe
PERSPOT  := $(B)/tests/load/perspot
PERFILTER := $(B)/tests/load/perfilter
PERCALL  := $(B)/tests/load/percall
PERFAN   := $(B)/tests/load/perfan
FAULT    := $(patsubst %,$(B)/tests/fault/%,writer_kill power_cut spotfill weather failing.so clockstep.so)
# One whose every allocation and system call can be made to fail.
SITES    := $(B)/sites/shackd $(B)/sites/shackd-net
FUZZ     := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all run test deps packages check units testing soak lint format bench fuzz sabotage install clean docs loads faults FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: shackd shackd-net shackctl

shackd shackd-net shackctl: %: $(B)/% $(B)/.here
	@cp -f $< $@.new && mv -f $@.new $@

# Switching between release and SAN= must put the other build's programs in place.
$(B)/.here: FORCE
	@mkdir -p $(B); [ "$$(cat build/.variant 2>/dev/null)" = $(VARIANT) ] && [ -e $@ ] || \
	    { echo $(VARIANT) >build/.variant; touch $@; }

# `make V=1` shows whole commands
Q        := $(if $(V),,@)
LINK      = $(if $(V),,@echo "  LINK $@" &&) $(CC) $(CF) -o $@ $^ $(LF)

# The two executables of a build, in DIR, of OBJECTS each; they know each other by the stamp.
# $(call pair,DIR,OBJECTS of shackd,OBJECTS of shackd-net)
define pair
$(1)/shackd: $(2) $(1)/stamp.o
	$$(LINK) $$(LIBS)
$(1)/shackd-net: $(3) $(1)/stamp.o
	$$(LINK) $$(LIBS_NET)
$(1)/stamp.h: $(2) $(3)
	@mkdir -p $(1); cat $$(sort $$^) | sha256sum | sed 's/^\(.\{32\}\).*/#define SHACKD_STAMP "\1"/' >$$@
$(1)/stamp.o: CF := -I$(1) $(CF)
$(1)/stamp.o: shm/stamp.c shm/stamp.h $(1)/stamp.h
	$$(COMPILE)
endef

$(eval $(call pair,$(B),$(call obj,$(ONE)),$(call obj,$(TWO))))
$(B)/shackctl: $(call obj,$(SHACKCTL))
	$(LINK) $(LIBS_SHACKCTL)
$(B)/mkdoc: $(call obj,$(MAKERS) $(CONF) $(SHM))
	$(LINK) $(LIBS_SHACKCTL)
$(B)/mkcommands: $(call obj,man/mkcommands.c)
	$(LINK)

# Builds to test with, of the same flags: the test build; one that knows the edition before ours of
# the stores alone; and one that differs in its version, to upgrade to.
TESTING  := $(foreach build,testing schema1 next,$(B)/$(build)/shackd $(B)/$(build)/shackd-net)
# Those of FILES that are in SPECIAL are compiled for BUILD, the others are ours.
# $(call mixed,BUILD,FILES,SPECIAL)
mixed     = $(patsubst %.c,$(B)/$(1)/%.o,$(filter $(3),$(2))) $(call obj,$(filter-out $(3),$(2)))
$(eval $(call pair,$(B)/testing,$(call mixed,testing,$(ONE) $(ONLYTEST),%),$(call mixed,testing,$(TWO) shm/fault.c,%)))
$(eval $(call pair,$(B)/schema1,$(call mixed,schema1,$(ONE),$(STORE)),$(call mixed,schema1,$(TWO),$(STORE))))
$(eval $(call pair,$(B)/next,$(call mixed,next,$(ONE),master/version.c),$(call obj,$(TWO))))
$(eval $(call pair,$(B)/sites,$(call obj,$(ONE) tests/fault/sites.c),$(call obj,$(TWO) tests/fault/sites.c)))
$(SITES): LF += -static-libgcc -ldl
$(B)/testing/%.o: MARK := -DSHACKD_TEST
$(B)/schema1/%.o: MARK := -DSCHEMA_VERSION=1
$(B)/next/%.o:    MARK := -DSHACKD_NEXT
COMPILE   = @mkdir -p $(@D); $(if $(V),,echo "  CC   $@";) $(if $(V),set -x;) \
            $(CC) $(CF) $(MARK) -MMD -MP -c -o $@ $<
$(B)/testing/%.o: %.c Makefile | $(B)/version.h
	$(COMPILE)
$(B)/schema1/%.o: %.c Makefile | $(B)/version.h
	$(COMPILE)
$(B)/next/%.o: %.c Makefile | $(B)/version.h
	$(COMPILE)

$(B)/%.o: %.c Makefile | $(B)/version.h
	$(COMPILE)

$(B)/version.h: FORCE
	@mkdir -p $(B)
	@printf '#define SHACKD_VERSION "%s"\n#define SHACKD_DATE "%s"\n#define SHACKD_SANITIZERS "%s"\n' \
	    $(VERSION) $(DATE) "$(SAN)" >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# The simulator is another program: its truth must not be made of the product's own parts.
$(B)/tests/unit/load/%: $(B)/tests/unit/load/%.o $(call obj,$(LOADLIB))
	$(LINK) -lcmocka -lm
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(call obj,$(PARTS) $(NET)) $(B)/stamp.o
	$(LINK) $(LIBS) $(NETLIBS) -lcmocka
# These time the product's own parts.
$(PERFRAME) $(PERFILTER) $(PERFAN): $(B)/tests/load/%: $(B)/tests/load/%.o $(call obj,$(PARTS)) $(B)/stamp.o
	$(LINK) $(LIBS)
$(B)/tests/load/dxsim: $(call obj,$(wildcard tests/load/dxsim_*.c))
$(PERSPOT) $(PERCALL): $(B)/tests/load/%: $(B)/tests/load/%.o $(call obj,$(PARTS) $(NET)) $(B)/stamp.o
	$(LINK) $(LIBS) $(LIBS_NET)
$(LOAD): $(B)/tests/load/%: $(B)/tests/load/%.o $(call obj,$(LOADLIB))
	$(LINK) -lm
$(B)/tests/fault/writer_kill: $(call obj,$(addprefix tests/fault/,writer_kill.c lib_model.c lib_steps.c) $(PARTS)) $(B)/stamp.o
	$(LINK) $(LIBS)
$(B)/tests/fault/power_cut: $(call obj,tests/fault/power_cut.c $(PARTS)) $(B)/stamp.o
	$(LINK) $(LIBS)
$(B)/tests/fault/spotfill: $(call obj,tests/fault/spotfill.c $(SHM)) $(B)/stamp.o
	$(LINK) -llmdb -lsodium -lm
$(B)/tests/fault/weather: $(B)/tests/fault/weather.o
	$(LINK)
# Preloaded into the daemon, never sanitized: it stands between the daemon and the system.
$(B)/tests/fault/%.so: tests/fault/%.c
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARN) -fPIC -shared -o $@ $< -ldl
# The same targets without libFuzzer: replays the seeds and mutates them for a moment.
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(call obj,$(PARTS) $(NET)) $(B)/stamp.o
	$(LINK) $(LIBS) $(NETLIBS)
build/fuzz/%: tests/fuzz/%.c $(PARTS) $(NET) $(B)/stamp.o | $(B)/version.h
	@mkdir -p $(@D)
	@echo "  FUZZ $@"
	$(Q)clang -std=gnu11 -I. -I$(B) -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $< $(PARTS) $(NET) $(B)/stamp.o $(LIBS) $(NETLIBS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- running ---------------------------------------------------------------------------------

run: deps
	@$(MAKE) --no-print-directory all $(LOAD)
	@exec tests/lib/demo

# ---- what Debian provides --------------------------------------------------------------------

PACKAGES_BUILD := gcc libc6-dev liblmdb-dev libsodium-dev libinih-dev libev-dev libseccomp-dev \
                  libjansson-dev libc-ares-dev libmosquitto-dev libjsmn-dev hamradio-files
PACKAGES_TEST  := libcmocka-dev python3-minimal python3 iproute2 nftables util-linux procps direwolf mosquitto telnet tlf strace
PACKAGES_DEV   := clang clang-tidy clang-format libclang-rt-14-dev cppcheck shellcheck mandoc patch
# to run it takes little, to test it more, to keep it clean all of them
PACKAGES       := $(PACKAGES_BUILD) $(PACKAGES_TEST) $(PACKAGES_DEV)
run:  PACKAGES := $(PACKAGES_BUILD)
test: PACKAGES := $(PACKAGES_BUILD) $(PACKAGES_TEST)
# Other init systems than the machine's own, for the tests of init/: never installed, only unpacked, each
# into a folder of its own; what of them the machine has is used from there all the same.
UNPACKED_openrc  := openrc librc1 libeinfo1 insserv
UNPACKED_sysv    := sysvinit-core sysv-rc insserv startpar initscripts sysvinit-utils
UNPACKED_systemd := systemd libsystemd0 libsystemd-shared libapparmor1 libargon2-1 libcryptsetup12 libdevmapper1.02.1 \
                    libfdisk1 libip4tc2 libjson-c5 libkmod2 dmsetup
UNPACKED_logrotate := logrotate libpopt0
UNPACKED         := openrc sysv systemd logrotate
run:  UNPACKED   :=

deps: packages
	@[ -z "$(UNPACKED)" ] || $(MAKE) --no-print-directory $(patsubst %,build/packages/%/.unpacked,$(UNPACKED))

build/packages/%/.unpacked: FORCE
	@tests/lib/unpack $(@D) $(UNPACKED_$*)

packages:
	@missing=$$(for p in $(PACKAGES); do \
	    dpkg-query -W -f '$${Status}\n' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	missing=$$(echo $$missing); [ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ]; then \
	    echo "installing: $$missing"; \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive \
	        apt-get install -y -q --no-install-recommends $$missing; \
	else \
	    echo "missing packages; run as root:  apt-get install -y $$missing" >&2; exit 1; \
	fi

# ---- testing ---------------------------------------------------------------------------------

test: deps
	@$(MAKE) --no-print-directory check

units: $(UNIT)
loads: $(LOAD)
faults: $(FAULT) $(if $(SAN),,$(SITES))
testing: $(TESTING)

check: all units loads faults testing $(patsubst %,$(B)/tests/fuzz/%,$(FUZZ)) $(B)/mkdoc
	@B=$(B) SAN=$(SAN) tests/run $(TESTS)

bench: all loads $(PERFRAME) $(PERSPOT) $(PERFILTER) $(PERCALL) $(PERFAN)
	@tests/load/bench.py $(BENCH)

soak: all loads faults testing
	@B=$(B) SAN=$(SAN) tests/soak/run $(SECONDS) $(ROWS)

fuzz: $(patsubst %,build/fuzz/%,$(FUZZ))
	@tests/fuzz/run $(SECONDS) $(FUZZ)

sabotage:
	@tests/sabotage/run $(PATCHES)

# ---- keeping it clean ------------------------------------------------------------------------

SOURCES  := $(wildcard master/*.[ch] master/*/*.[ch] shm/*.[ch] shm/store/*.[ch] workers/*.[ch] workers/*/*.[ch])
TESTSRC  := $(wildcard tests/load/*.[ch] tests/fault/*.[ch] tests/fuzz/*.c tests/unit/*/*.c tests/unit/*/*/*.c)

lint: docs
	@$(MAKE) --no-print-directory B=build/lint WERROR=-Werror build/lint/shackd build/lint/shackd-net build/lint/shackctl \
	    build/lint/mkdoc build/lint/.tests
	@tests/lib/lint build/lint

build/lint/.tests: $(call obj,$(filter %.c,$(TESTSRC)))
	@touch $@

format:
	clang-format -i $(SOURCES) $(TESTSRC)

# The sample file and the manual pages are made of the option and flag tables.
docs: $(B)/mkdoc $(B)/mkcommands
	$(B)/mkdoc sample >etc/shackd.ini
	$(B)/mkdoc man <man/shackd.ini.5.in >man/shackd.ini.5
	$(B)/mkdoc flags <man/shackd.8.in >man/shackd.8
	$(B)/mkcommands <man/shackd-dxcluster.7.in >man/shackd-dxcluster.7

# ---- installing ------------------------------------------------------------------------------

# INIT: which init systems to serve, of sysv, openrc and systemd; the first two share a file name
install: all $(patsubst %,install-%,$(INIT))
	install -D -m 755 shackd $(DESTDIR)$(PREFIX)/sbin/shackd
	install -D -m 755 shackd-net $(DESTDIR)$(PREFIX)/sbin/shackd-net
	install -D -m 755 shackctl $(DESTDIR)$(PREFIX)/bin/shackctl
	for f in etc/*.ini etc/*.db; do $(call keep,$$f,etc/shackd/$${f#etc/}); done
	for s in 5 7 8; do install -d $(DESTDIR)$(PREFIX)/share/man/man$$s; \
	    install -m 644 man/*.$$s $(DESTDIR)$(PREFIX)/share/man/man$$s/; done

# An operator's own file stays: ours is put beside it.
keep      = to=$(DESTDIR)/$(2); [ ! -e $$to ] || cmp -s $(1) $$to || to=$$to.new; \
            install -D -m 644 $(1) $$to
# FILE, where to, mode: the paths in it are those of an installation in /usr/local.
adapt     = install -d $(DESTDIR)$(dir $(2)) && sed 's|/usr/local/|$(PREFIX)/|g' $(1) >$(DESTDIR)$(2).new && \
            chmod $(3) $(DESTDIR)$(2).new && mv $(DESTDIR)$(2).new $(DESTDIR)$(2)

install-common:
	$(call adapt,init/shackd.tmpfiles,$(PREFIX)/lib/tmpfiles.d/shackd.conf,644)
	$(call adapt,init/shackd.sysusers,$(PREFIX)/lib/sysusers.d/shackd.conf,644)
	$(call keep,etc/logrotate,etc/logrotate.d/shackd)
install-sysv: install-common
	$(call adapt,init/shackd.sysv,/etc/init.d/shackd,755)
	$(call keep,init/shackd.default,etc/default/shackd)
install-openrc: install-common
	$(call adapt,init/shackd.openrc,/etc/init.d/shackd,755)
	$(call keep,init/shackd.confd,etc/conf.d/shackd)
install-systemd: install-common
	$(call adapt,init/shackd.service,$(PREFIX)/lib/systemd/system/shackd.service,644)

clean:
	rm -rf build shackd shackd-net shackctl
