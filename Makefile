# Tandem: build, test, measure, install. "make help" lists the targets.
#   V=1 shows commands; WERROR=1 makes warnings errors (CI does); SAN=1 address+undefined; TSAN=1 thread.

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr
SYSCONFDIR ?= /etc
UNITDIR ?= /lib/systemd/system
DESTDIR ?=

VERSION := 0.1.0

SAN ?=
TSAN ?=
B := build$(if $(SAN),/san)$(if $(TSAN),/tsan)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)';)

LIBS := libbpf libxdp libnl-3.0 libnl-route-3.0 libconfig libsodium libcap-ng jansson
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBS) 2>/dev/null) -lldns -lpthread

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith $(if $(WERROR),-Werror)
OPT := -O2 -g
SANFLAGS := $(if $(SAN),-fsanitize=address,undefined -fno-sanitize-recover=all) $(if $(TSAN),-fsanitize=thread)
CFLAGS_ALL := -std=gnu17 -D_GNU_SOURCE -DTANDEM_VERSION='"$(VERSION)"' -I. -I$(B) $(OPT) $(WARN) $(SANFLAGS) $(PKG_CFLAGS) $(CFLAGS)

BASE := base/clock.c base/log.c base/loop.c base/addr.c base/counters.c base/lease.c base/health.c base/epoch.c
POOLS := pools/name.c pools/suffix.c pools/pool.c pools/policy.c pools/probe.c pools/local.c
DATAPLANE := dataplane/steer.c dataplane/port.c dataplane/xsk.c dataplane/packet.c dataplane/query.c \
	dataplane/edns.c dataplane/reply.c dataplane/acl.c dataplane/permute.c dataplane/inflight.c \
	dataplane/handover.c dataplane/trace.c dataplane/neigh.c dataplane/conf.c dataplane/outcome.c \
	dataplane/sockio.c dataplane/passes.c dataplane/worker.c dataplane/stream.c
NODE := node/schema.c node/config.c node/selfcheck.c node/control.c node/privs.c node/node.c
LIBSRC := $(BASE) $(POOLS) $(DATAPLANE) $(NODE)
LIBOBJ := $(LIBSRC:%.c=$(B)/%.o)

.PHONY: all
all: $(B)/tandemd $(B)/tandemctl $(B)/lab/probe

$(B)/%.o: %.c | $(B)/dataplane/steer.skel.h
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

# The XDP program: one object, embedded through a skeleton; nothing is loaded from disk.
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
$(B)/%.bpf.o: %.bpf.c
	@mkdir -p $(dir $@)
	$(call say,BPF,$<)$(CLANG) -O2 -g -target bpf -mcpu=v3 -I. -I/usr/include/$(MULTIARCH) -Wall $(if $(WERROR),-Werror) -MMD -MP -MF $@.d -MT $@ -c -o $@ $<
	$(Q)llvm-strip -g $@

$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@.tmp && mv $@.tmp $@

# Tests: every tests/<area>/test_<name>.c is one TAP program on cmocka, linked with the library.
UNIT := $(patsubst %.c,$(B)/%,$(wildcard tests/*/test_*.c))
$(B)/tests/%: $(B)/tests/%.o $(B)/libtandem.a
	$(call say,LD,$@)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lcmocka

.PHONY: unit
unit: $(UNIT)
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP prove -e '' $(UNIT)

.PHONY: clean
clean:
	rm -rf build

-include $(LIBOBJ:.o=.d) $(UNIT:=.d) $(B)/node/main.d $(B)/node/ctl.d $(B)/lab/probe.d $(wildcard $(B)/*/*.bpf.o.d)
.PRECIOUS: $(B)/%.o $(B)/%.bpf.o
