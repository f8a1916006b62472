# Tandem: build, test, measure, install. "make help" lists the targets.
#   V=1 shows commands; WERROR=1 makes warnings errors (CI does); SAN=1 address+undefined; TSAN=1 thread.

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr
SYSCONFDIR ?= /etc
UNITDIR ?= /lib/systemd/system
SYSUSERSDIR ?= /usr/lib/sysusers.d
DESTDIR ?=

VERSION := 0.1.0

SAN ?=
TSAN ?=
WERROR ?= $(if $(CI),1)
B := build$(if $(SAN),/san)$(if $(TSAN),/tsan)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)';)

LIBS := libbpf libxdp libnl-3.0 libnl-route-3.0 libconfig libsodium libcap-ng jansson
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBS) 2>/dev/null) -lldns -lpthread

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith $(if $(WERROR),-Werror)
OPT := -O2 -g -fno-strict-aliasing
comma := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all) $(if $(TSAN),-fsanitize=thread -Wno-tsan)
CFLAGS_ALL := -std=gnu17 -D_GNU_SOURCE -DTANDEM_VERSION='"$(VERSION)"' -I. -I$(B) $(OPT) $(WARN) $(SANFLAGS) $(PKG_CFLAGS) $(CFLAGS)

BASE := base/clock.c base/log.c base/loop.c base/addr.c base/counters.c base/lease.c base/health.c base/epoch.c
POOLS := pools/name.c pools/suffix.c pools/pool.c pools/policy.c pools/probe.c pools/local.c
DATAPLANE := $(filter-out %.bpf.c,$(wildcard dataplane/*.c))
NODE := $(filter-out node/main.c node/ctl.c,$(wildcard node/*.c))
VRRP := $(wildcard vrrp/*.c)
LIBSRC := $(BASE) $(POOLS) $(VRRP) $(DATAPLANE) $(NODE)
LIBOBJ := $(LIBSRC:%.c=$(B)/%.o)

.PHONY: all
all: $(B)/tandemd $(B)/tandemctl $(B)/lab/probe $(B)/lab/slow $(B)/lab/witness

$(B)/%.o: %.c | $(B)/dataplane/steer.skel.h $(B)/dataplane/vmac.skel.h
	@mkdir -p $(dir $@)
	$(call say,CC,$<)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/libtandem.a: $(LIBOBJ)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(B)/tandemd: $(B)/node/main.o $(B)/libtandem.a
	$(call say,LD,$@)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

$(B)/tandemctl: $(B)/node/ctl.o $(B)/libtandem.a
	$(call say,LD,$@)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

$(B)/lab/probe: $(B)/lab/probe.o $(B)/libtandem.a
	$(call say,LD,$@)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

$(B)/lab/slow: $(B)/lab/servers/slow.o $(B)/libtandem.a
	$(call say,LD,$@)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

# Without libraries: it runs in machines that have none of ours.
$(B)/lab/witness: $(B)/lab/vm/witness.o $(B)/base/clock.o
	$(call say,LD,$@)$(CC) $(CFLAGS_ALL) -o $@ $^

# The XDP program: one object, embedded through a skeleton; nothing is loaded from disk.
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
$(B)/%.bpf.o: %.bpf.c
	@mkdir -p $(dir $@)
	$(call say,BPF,$<)$(CLANG) -O2 -g -target bpf -mcpu=v3 -I. -I/usr/include/$(MULTIARCH) -Wall $(if $(WERROR),-Werror) -MMD -MP -MF $@.d -MT $@ -c -o $@ $<
	$(Q)llvm-strip -g $@

$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@.tmp && mv $@.tmp $@

# Tests: every tests/<area>/test_<name>.c is one TAP program on cmocka, linked with the library.
UNIT := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/*/test_*.c)))
SYSTEM := $(sort $(filter-out %.c,$(wildcard tests/system/test_*)))
$(B)/tests/%: $(B)/tests/%.o $(B)/libtandem.a
	$(call say,LD,$@)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lcmocka

# Those whose threads share memory, under the thread sanitizer: "make TSAN=1 threads".
THREADED := $(addprefix $(B)/tests/,base/test_epoch base/test_log dataplane/test_cache dataplane/test_handover dataplane/test_limit)

.PHONY: unit threads system bench steady drills fuzz packages packages-vm check check-built check-vm demo conformance install clean help
unit: $(UNIT)
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP prove --failures --exec '' $(UNIT)

threads: $(THREADED)
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP prove --failures --exec '' $(THREADED)

system: all $(B)/tests/bench/flood
	$(Q)prove --failures --exec '' $(SYSTEM)

# Measuring: programs of tests/bench, and the script that runs them beside each other. BENCH="hit miss": only these;
# BENCH_PAIRS=2: fewer rounds.
BENCHES := $(patsubst %.c,$(B)/%,$(filter-out %.bpf.c,$(sort $(wildcard tests/bench/*.c))))
$(B)/tests/bench/reflect_xdp.o $(B)/tests/bench/reflect_xsk.o: $(B)/tests/bench/reflect_xdp.skel.h
$(B)/tests/bench/hitrate: PKG_LIBS += -lm
$(B)/tests/bench/ask.o: $(B)/tests/bench/ask.skel.h

bench: all $(BENCHES)
	$(Q)TANDEM_BUILD=$(B) tests/bench/bench $(BENCH)

# What breaking a node costs, beside keepalived and dnsdist; DRILL_N, INTERVAL_CS, RATES, PEER: see lab/drills.
drills: all
	$(Q)lab/drills

# Advertisements while every data core is saturated.
steady: all
	$(Q)TANDEM_BUILD=$(B) tests/bench/steady

# Fuzzing: clang, the sources that parse, and no library of ours. A corpus grows in the build directory.
FUZZ_SECONDS ?= 60
FUZZ := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SRC := $(addprefix dataplane/,packet.c query.c edns.c reply.c ttl.c) base/addr.c pools/name.c vrrp/advert.c \
	vrrp/announce.c vrrp/fsm.c vrrp/sync.c node/hellowire.c
$(FUZZ): $(B)/%: %.c $(FUZZ_SRC) tests/fuzz/exercise.h tests/fuzz/sums.h $(wildcard base/*.h pools/*.h dataplane/*.h vrrp/*.h) node/hellowire.h
	@mkdir -p $(dir $@)
	$(call say,FUZZ,$@)$(CLANG) -std=gnu17 -D_GNU_SOURCE -I. -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $< $(FUZZ_SRC) -lldns

fuzz: $(FUZZ)
	$(Q)for f in $(FUZZ); do corpus=$$f.corpus; \
		mkdir -p $$corpus && cp tests/fuzz/seeds/$${f##*/}/* $$corpus && \
		echo "  FUZZ   $$f for $(FUZZ_SECONDS) s" && \
		$$f -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=5 -print_final_stats=1 \
			-artifact_prefix=$$f. $$corpus > $$f.log 2>&1 || { tail -n 60 $$f.log; exit 1; }; \
		sed -n 's/^stat::number_of_executed_units: */         inputs: /p' $$f.log; done

# Debian packages of packages.txt (packages-vm.txt) that are missing; needs root only when some are.
packages packages-vm:
	$(Q)missing=$$(sed 's/#.*//' $@.txt | while read -r p; do [ -z "$$p" ] || \
		dpkg-query -W -f '$${Status}\n' "$$p" 2>/dev/null | grep -q 'ok installed' || echo "$$p"; done); \
	if [ -n "$$missing" ]; then echo "installing:" $$missing; apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing > /dev/null; fi

# Everything: packages, build, unit tests plain and with sanitizers, system tests, conformance list.
check: packages
	$(Q)$(MAKE) --no-print-directory check-built

check-built:
	$(Q)$(MAKE) --no-print-directory -j2 all
	$(Q)prove --failures --exec '' tests/test_includes
	$(Q)$(MAKE) --no-print-directory -j2 unit
	$(Q)$(MAKE) --no-print-directory -j2 SAN=1 unit
	$(Q)$(MAKE) --no-print-directory -j2 TSAN=1 threads
	$(Q)$(MAKE) --no-print-directory system
	$(Q)tests/conformance --check

# The lab on virtual machines, and what needs their own kernels. Not part of check: it takes minutes, and Debian's packages
# for a root image.
check-vm: packages packages-vm
	$(Q)$(MAKE) --no-print-directory -j2 all
	$(Q)TANDEM_KERNEL=$(KERNEL) prove --failures --exec '' tests/vm/test_machines

demo: packages
	$(Q)$(MAKE) --no-print-directory -j2 all
	$(Q)lab/demo

conformance:
	$(Q)tests/conformance --write

install: all
	install -D -m 755 $(B)/tandemd $(DESTDIR)$(PREFIX)/sbin/tandemd
	install -D -m 755 $(B)/tandemctl $(DESTDIR)$(PREFIX)/bin/tandemctl
	install -D -m 644 etc/dd1.conf $(DESTDIR)$(PREFIX)/share/doc/tandem/dd1.conf
	install -D -m 644 etc/dd1-interface-mac.conf $(DESTDIR)$(PREFIX)/share/doc/tandem/dd1-interface-mac.conf
	install -D -m 644 etc/dd2.conf $(DESTDIR)$(PREFIX)/share/doc/tandem/dd2.conf
	install -D -m 644 README.md $(DESTDIR)$(PREFIX)/share/doc/tandem/README.md
	install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/tandem/copyright
	install -D -m 644 systemd/tandemd.service $(DESTDIR)$(UNITDIR)/tandemd.service
	install -D -m 644 etc/99-tandem.conf $(DESTDIR)$(SYSCONFDIR)/sysctl.d/99-tandem.conf
	install -D -m 644 systemd/tandem.sysusers $(DESTDIR)$(SYSUSERSDIR)/tandem.conf
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/tandem
	$(if $(DESTDIR),,command -v systemd-sysusers > /dev/null && systemd-sysusers tandem.conf || echo 'no systemd-sysusers: useradd --system tandem')

clean:
	rm -rf build

help:
	@echo 'all          build/tandemd and build/tandemctl'
	@echo 'check        install what is missing, build, run all tests (root: namespaces and XDP)'
	@echo 'unit system  parts of it'
	@echo 'check-vm     the lab on virtual machines under QEMU, with four drills (root); KERNEL=6.12: another kernel'
	@echo 'demo         the lab up, queries through a node, a server killed under load (root)'
	@echo 'bench        cost and rate beside dnsdist and the bare AF_XDP reflector (root); BENCH="hit miss": parts'
	@echo 'steady       how short the interval of advertisements may be on this machine (root)'
	@echo 'drills       every drill many times, on namespaces; writes lab/DRILLS.md (root)'
	@echo 'fuzz         the parsers under libFuzzer for a bounded time'
	@echo 'conformance  write tests/CONFORMANCE.md'
	@echo 'install      DESTDIR= PREFIX= SYSCONFDIR='
	@echo 'packages     install the Debian packages of packages.txt; packages-vm: those for virtual machines'

-include $(LIBOBJ:.o=.d) $(UNIT:=.d) $(BENCHES:=.d) $(B)/node/main.d $(B)/node/ctl.d $(B)/lab/probe.d $(B)/lab/servers/slow.d \
	$(B)/lab/vm/witness.d
-include $(wildcard $(B)/*/*.bpf.o.d $(B)/tests/*/*.bpf.o.d)
.PRECIOUS: $(B)/%.o $(B)/%.bpf.o $(B)/%.skel.h
