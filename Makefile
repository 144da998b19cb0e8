# make [all|test|serve|check|lint|format|fuzz|bench|install|deps|clean]
#   make SAN=address,undefined check    build and test with sanitizers (also SAN=thread)
#   make CC=clang WERROR= V=1           other compiler, warnings allowed, loud
#   make O=dir                          build there; default build, with SAN build-<first one>

NAME       := sandbox-mcp
VERSION    := 0.1.0
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/$(NAME)
DOCDIR     ?= $(PREFIX)/share/doc/$(NAME)
PKG_CONFIG ?= pkg-config
HOSTCC     ?= $(CC)
CFLAGS     ?= -O2 -g
WERROR     ?= -Werror
SAN        ?=
comma      := ,
O          ?= build$(addprefix -,$(firstword $(subst $(comma), ,$(SAN))))
PORT       ?= 8080
FUZZ_TIME  ?= 60

PKGS       := yyjson libmicrohttpd libcurl libwebsockets libseccomp libpcre2-8 libcrypto vterm
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
LIBS        = $(PKG_LIBS) -lm $(LDLIBS)
NO_LIBS    := deps test serve layers format clean
ifeq ($(PKG_LIBS),)
ifneq ($(filter-out $(NO_LIBS),$(or $(MAKECMDGOALS),all)),)
$(error missing libraries, run "make deps"; needed: $(PKGS))
endif
endif

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
        -Wpointer-arith -Wvla -Wformat=2 -Wundef $(WERROR)
SAFE := -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
HARD := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer,$(SAFE))
BASE_FLAGS = -std=gnu17 -pthread -I. -I$O/gen -D_GNU_SOURCE -DVERSION=\"$(VERSION)\" \
             $(PKG_CFLAGS) $(CPPFLAGS) $(WARN)
COMPILE = $(CC) $(BASE_FLAGS) $(HARD) -MMD -MP $(CFLAGS) -c
LINK    = $(CC) -pthread -Wl,--as-needed \
          $(if $(SAN),-fsanitize=$(SAN),-pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now) $(LDFLAGS)

# The agent runs where none of our libraries are, so it is static; and as no static program can
# carry ASan or TSan, with SAN set it gets the checks that need no runtime.
AGENT_HARD = $(SAFE) $(if $(SAN),-fsanitize=undefined -fsanitize-undefined-trap-on-error)
AGENT_LIBS = $(shell $(PKG_CONFIG) --static --libs libpcre2-8 vterm)

# Every file in a folder belongs to it: adding one needs no edit here.
BASE      := $(wildcard base/*.c)
MCP       := $(wildcard mcp/*.c)
TRANSPORT := $(wildcard transport/*.c)
CLI       := $(wildcard cli/*.c)
AGENT     := $(wildcard backend/agent/*.c)
SHARED    := $(wildcard backend/agent/glob*.c) backend/agent/ignore.c
BACKEND   := $(SHARED) $(filter-out $(AGENT),$(wildcard backend/*.c backend/*/*.c))
GEN       := $(wildcard tools/gen/*.c)
GEN_USES  := $(wildcard mcp/schema*.c) mcp/args_error.c base/buf.c base/err.c base/utf8.c
TOOLS     := $(wildcard tools/*.c)
EMBEDDED  := $(wildcard packaging/apparmor/* backend/browser/scripts/* tools/scripts/*) \
             $O/runners/runner.py $O/runners/runner.js $O/runners/runner.R \
             $O/web/page_content.js $O/web/notices.txt \
             backend/derive/documents/boot.py $O/documents/documents.py \
             backend/derive/scripts/manage.py
DOCUMENTS := $(wildcard backend/derive/documents/doc_*.py)
RUN_PY    := $(addprefix backend/local/runners/python/,$(addsuffix .py,protocol text wire results \
             screen created errors interpreter))
RUN_LAZY  := $(addprefix backend/local/runners/python/lazy/,$(addsuffix .py,chart shell))
RUN_END   := backend/local/runners/python/serve.py
RUN_JS    := $(addprefix backend/local/runners/js/,$(addsuffix .js,bind output errors imports types \
             display files cells serve))
RUN_R     := $(addprefix backend/local/runners/r/,$(addsuffix .R,json results cell serve))
WEB       := $(addprefix web/,dom.js visible.js main.js inline.js tables.js links.js forms.js html.js \
             markdown.js extract.js)
LIB_OBJS  := $(patsubst %.c,$O/%.o,$(BASE) $(MCP) $(BACKEND) $(TOOLS) $(TRANSPORT) $(CLI)) \
             $O/gen/tools.gen.o $O/gen/embed.o
TESTS     := $(patsubst %.c,$O/%,$(wildcard tests/unit/test_*.c))
FIXTURE   := $(patsubst %.c,$O/%.o,$(wildcard tests/conform/fixture/*.c))
FUZZERS   := $(patsubst %.c,$O/%,$(wildcard tests/fuzz/fuzz_*.c))
SOURCES   := $(wildcard main.c cli/*.[ch] base/*.[ch] mcp/*.[ch] transport/*.[ch] tools/*.[ch] \
             tools/gen/*.[ch] backend/*.[ch] backend/*/*.[ch] tests/*/*.[ch] \
             tests/conform/fixture/*.[ch])

ifneq ($V,1)
Q := @
say = @printf '  %-5s %s\n' $1 $2
endif

all: $O/$(NAME) $O/sandbox-agent

$O/$(NAME): $O/main.o $O/lib.a
	$(call say,LD,$@)
	$Q$(LINK) -o $@ $^ $(LIBS)

$O/sandbox-agent: $(patsubst %.c,$O/static/%.o,$(AGENT))
	$(call say,LD,$@)
	$Q$(CC) -static-pie -Wl,-z,relro,-z,now $(LDFLAGS) -o $@ $^ $(AGENT_LIBS)

# Of two functions of one name an archive would link either, without a word.
$O/lib.a: $(LIB_OBJS)
	$(call say,AR,$@)
	$Q! nm $^ | awk '$$2 == "T" { print $$3 " is defined twice" }' | sort | uniq -d | grep .
	$Q$(RM) $@ && $(AR) rcs $@ $^

# The agent's objects once more, for unit tests and fuzzers.
$O/agent.a: $(patsubst %.c,$O/%.o,$(AGENT))
	$(call say,AR,$@)
	$Q$(RM) $@ && $(AR) rcs $@ $^

$(patsubst %.c,$O/%.o,main.c $(TOOLS)) $(TESTS:=.o) $(FUZZERS:=.o): | $O/gen/tools.gen.h

$O/%.o: %.c $O/flags | $O/gen/embed.h
	$(call say,CC,$<)
	$Q mkdir -p $(@D) && $(COMPILE) -o $@ $<

# Loaded when it is needed, by the name of the library whose headers are used here.
$O/backend/browser/cdp_ws.o: CPPFLAGS += -DLWS_SONAME=\"$(shell readelf -d \
	$$($(CC) -print-file-name=libwebsockets.so) | sed -n 's/.*soname: \[\(.*\)\]/\1/p')\"

$O/static/%.o: %.c $O/flags
	$(call say,CC,$<)
	$Q mkdir -p $(@D) && $(CC) $(BASE_FLAGS) $(AGENT_HARD) -MMD -MP $(CFLAGS) -c -o $@ $<

$O/gen/tools.gen.o $O/gen/fixture/tools.gen.o: %.o: %.c $O/flags
	$(call say,CC,$<)
	$Q$(COMPILE) -o $@ $<

# tools.json -> argument structs, handler prototypes, dispatch table.
$O/gen/tools.gen.h $O/gen/tools.gen.c &: tools.json $O/gen/gen
	$(call say,GEN,$(@D)/tools.gen.[hc])
	$Q$O/gen/gen tools.json $(@D)

$O/gen/gen: $(patsubst %.c,$O/host/%.o,$(GEN) $(GEN_USES))
	$(call say,LD,$@)
	$Q mkdir -p $(@D) && $(HOSTCC) -o $@ $^ $(shell $(PKG_CONFIG) --libs yyjson) -lm

$O/host/%.o: %.c $O/flags
	$(call say,HOST,$<)
	$Q mkdir -p $(@D) && $(HOSTCC) $(BASE_FLAGS) -MMD -MP -O1 -g -c -o $@ $<

# Each embedded file F is at embed_F .. embed_F_end (other characters than letters and digits
# become _) and a zero byte follows it. "embed.h" declares them.
$O/gen/embed.h $O/gen/embed.S &: $(EMBEDDED) $O/flags
	$(call say,EMBED,$(@D)/embed.[hS])
	$Q mkdir -p $(@D) && exec >$(@D)/embed.h 3>$(@D)/embed.S; \
	echo '.section .rodata' >&3; \
	for f in $(EMBEDDED); do \
		n=embed_$$(basename $$f | sed 's/[^A-Za-z0-9]/_/g'); \
		echo "extern const char $$n[], $${n}_end[];"; \
		printf '.balign 16\n.globl %s, %s\n%s: .incbin "%s"\n%s: .byte 0\n' \
			$$n $${n}_end $$n $$f $${n}_end >&3; \
	done; echo '.section .note.GNU-stack,"",%progbits' >&3

$O/gen/embed.o: $O/gen/embed.S $(EMBEDDED)
	$Q$(CC) -c -o $@ $<

# The runners are one text each, so that they can be given to an interpreter as an argument. What
# few cells of Python need is in it as a string, compiled when it is needed. What a cell of
# JavaScript may shadow is a parameter of the function around all of it.
RUN_JS_BOUND := process, Buffer, globalThis, setImmediate, Error, Object, String, Number, Promise
$O/runners/runner.py: $(RUN_PY) $(RUN_LAZY) $(RUN_END) $O/flags
	$(call say,JOIN,$@)
	$Q mkdir -p $(@D) && { cat $(RUN_PY) && echo 'LAZY = {' && for f in $(RUN_LAZY); do \
		echo "'$$(basename $$f .py)': r'''" && cat $$f && echo "'''," || exit 1; \
	done && echo '}' && cat $(RUN_END); } >$@

$O/runners/runner.js: $(RUN_JS) $O/flags
	$(call say,JOIN,$@)
	$Q mkdir -p $(@D) && { echo "'use strict'; (function ($(RUN_JS_BOUND)) {" && cat $(RUN_JS) && \
		echo "main(); })($(RUN_JS_BOUND));"; } >$@

$O/runners/runner.R: $(RUN_R) $O/flags
	$(call say,JOIN,$@)
	$Q mkdir -p $(@D) && { echo 'local({' && cat $(RUN_R) && \
		echo 'main()' && echo '}, new.env(parent = baseenv()))'; } >$@

# The modules of the converter of documents, as boot.py reads them.
$O/documents/documents.py: $(DOCUMENTS) $O/flags
	$(call say,JOIN,$@)
	$Q mkdir -p $(@D) && for f in $(DOCUMENTS); do \
		echo "$$(basename $$f .py) $$(wc -c <$$f)" && cat $$f || exit 1; done >$@

# What runs in pages: packages of web/package.json, each a module of its own, and web/*.js, in one
# function. They know no DOMParser: the page's policy may forbid it, and nothing is parsed.
MODULES    := Readability=@mozilla/readability/Readability.js \
              TurndownService=turndown/lib/turndown.browser.cjs.js
$O/web/stamp: web/package.json web/package-lock.json
	$(call say,NPM,$(@D))
	$Q command -v npm >/dev/null || { echo 'npm is missing, run "make deps"' >&2; exit 1; }
	$Q mkdir -p $(@D) && cp $^ $(@D)/ && cd $(@D) && \
		npm ci --no-audit --no-fund --ignore-scripts --prefer-offline --loglevel=error \
		>npm.log 2>&1 || { cat npm.log >&2; exit 1; }
	$Q touch $@

$O/web/page_content.js: $O/web/stamp $(WEB)
	$(call say,WEB,$@)
	$Q{ echo '(function () { "use strict";'; \
	for m in $(MODULES); do \
		echo "const $${m%%=*} = (function (module, window) {"; \
		cat $(@D)/node_modules/$${m#*=} && \
		echo 'return module.exports; })({ exports: {} }, {});' || exit 1; \
	done; cat $(WEB) && echo '})();'; } >$@

$O/web/notices.txt: $O/web/stamp web/NOTICE web/LICENSE-Apache-2.0
	$Q for f in web/NOTICE $(@D)/node_modules/@mozilla/readability/LICENSE.md \
		web/LICENSE-Apache-2.0 $(@D)/node_modules/turndown/LICENSE; do \
		cat $$f && echo && echo ---- && echo || exit 1; done >$@

# Changes when the compiler or its flags do, so that everything is rebuilt.
$O/flags: FORCE
	$Q mkdir -p $(@D) && echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' >$@

# test_agent_* see the agent's code and nothing of the server's.
$O/tests/unit/test_agent_%: $O/tests/unit/test_agent_%.o $O/agent.a
	$(call say,LD,$@)
	$Q$(LINK) -o $@ $^ $(LIBS)
$O/tests/unit/%: $O/tests/unit/%.o $O/lib.a
	$(call say,LD,$@)
	$Q$(LINK) -o $@ $^ $(LIBS)

# The server of the conformance suite: the product's core and transports with tools of its own.
$O/gen/fixture/tools.gen.h $O/gen/fixture/tools.gen.c &: tests/conform/fixture/tools.json $O/gen/gen
	$(call say,GEN,$(@D)/tools.gen.[hc])
	$Q mkdir -p $(@D) && $O/gen/gen --fixture $< $(@D)
$(FIXTURE): | $O/gen/fixture/tools.gen.h
$O/tests/conform/fixture/server: $(FIXTURE) $O/gen/fixture/tools.gen.o $O/lib.a
	$(call say,LD,$@)
	$Q$(LINK) -o $@ $^ $(LIBS)

# Runs a browser by lines, for the tests of backend/browser.
$O/tests/browser/drive: $(patsubst %.c,$O/%.o,$(wildcard tests/browser/*.c)) $O/lib.a
	$(call say,LD,$@)
	$Q$(LINK) -o $@ $^ $(LIBS)

tests: $(TESTS) $O/tests/conform/fixture/server $O/tests/browser/drive

# Seconds: unit tests, transcripts, layers.
check: all tests
	$Q MAKE=$(MAKE) tests/run --quick $O

# Everything, on a machine that may have nothing yet.
test: deps
	$Q$(MAKE) --no-print-directory all tests
	$Q MAKE=$(MAKE) tests/run $O

serve:
	$Q packaging/deps.sh build browser
	$Q$(MAKE) --no-print-directory all
	$O/$(NAME) --http 127.0.0.1:$(PORT)

deps:
	$Q packaging/deps.sh

# Take what the server answers now as the expected transcripts; review the diff.
snapshot: all
	$Q UPDATE=1 tests/transcript/run.py $O/$(NAME)

bench: all
	$Q tests/bench/run $O/$(NAME)
	$Q tests/bench/work.py $O/$(NAME)
	$Q tests/bench/browse.py $O/$(NAME)

# $(call only,FILES,REGEX): these include nothing of ours but what matches.
# $(call alone,HEADER,REGEX): none but files that match include this third-party header.
only  = @! grep -nE '^ *\# *include "' $(or $1,/dev/null) /dev/null | grep -vE '"($2)'
alone = @! grep -nE '^ *\# *include <$1' $(SOURCES) /dev/null | grep -vE '^($2):'

# Who may include whom. main.c puts the parts together and is exempt.
layers:
	$(call only,$(BASE) $(wildcard base/*.h),base/)
	$(call only,$(MCP) $(wildcard mcp/*.h),(mcp|base)/)
	$(call only,$(TRANSPORT) $(wildcard transport/*.h),(transport|mcp|base)/)
	$(call only,$(TOOLS) $(wildcard tools/*.h),(tools|mcp|base)/|backend/backend\.h"|backend/(browser|recording|transfer)/|tools\.gen\.h"|embed\.h")
	$(call only,$(AGENT) $(wildcard backend/agent/*.h),backend/(agent/|wire\.h"))
	$(call only,$(CLI) $(wildcard cli/*.h),(cli|transport|mcp|base)/|backend/backend\.h"|tools/tools\.h"|embed\.h"|backend/remote/http\.h"|backend/browser/foreign\.h")
	$(call only,$(wildcard backend/*.[ch]),base/|backend/[a-z_]+\.h"|backend/derive/|backend/browser/keeper\.h")
	@for d in $(filter-out agent,$(patsubst backend/%/,%,$(wildcard backend/*/))); do \
		! grep -snE '^ *# *include "' backend/$$d/*.[ch] | \
			grep -vE "\"(base/|backend/[a-z_]+\.h\"|backend/$$d/|backend/browser/cdp\.h\"|backend/agent/ignore\.h\"|embed\.h\")" || exit 1; done
	$(call alone,yyjson,base/json\.[ch]|tools/gen/[a-z_]*\.[ch])
	$(call alone,curl/,backend/remote/http\.c)
	$(call alone,microhttpd,transport/(http|http_answer|download_answer|upgrade)\.c|tests/bench/[a-z_]*\.c)
	$(call alone,libwebsockets,backend/browser/cdp_ws\.c|backend/remote/ws\.c)
	$(call alone,seccomp\.h,backend/local/seccomp\.c)
	$(call alone,vterm,backend/agent/pty[a-z_]*\.[ch]|tests/unit/test_agent_pty[a-z_]*\.c|tests/fuzz/fuzz_agent_pty\.c)

# FUZZ_TIME seconds of each fuzzer, then the line coverage of what it aims at.
fuzz:
	$Q$(MAKE) --no-print-directory CC=clang HOSTCC=clang O=build-fuzz \
		SAN=address,undefined,fuzzer-no-link \
		CFLAGS="-O1 -g -fprofile-instr-generate -fcoverage-mapping" \
		LDFLAGS=-fprofile-instr-generate fuzzers
	$Q FUZZ_TIME=$(FUZZ_TIME) tests/fuzz/run build-fuzz
fuzzers: $(FUZZERS)
$O/tests/fuzz/fuzz_agent_%: $O/tests/fuzz/fuzz_agent_%.o $O/agent.a
	$(call say,LD,$@)
	$Q$(CC) -pthread -fsanitize=address,undefined,fuzzer $(LDFLAGS) -o $@ $^ $(LIBS)
$O/tests/fuzz/%: $O/tests/fuzz/%.o $O/lib.a
	$(call say,LD,$@)
	$Q$(CC) -pthread -fsanitize=address,undefined,fuzzer $(LDFLAGS) -o $@ $^ $(LIBS)

# README's tool table, from tools.json.
readme: $O/gen/gen
	$Q$O/gen/gen --readme tools.json README.md

# docs/tools.md, with what each tool answers in a sandbox of this machine.
reference: all
	$Qpython3 tools/gen/reference.py $O/$(NAME) docs/tools.md

# Formatting, every header compiles on its own, README's table is of today.
lint: $O/gen/tools.gen.h $O/gen/fixture/tools.gen.h $O/gen/embed.h $O/gen/gen
	$Q clang-format --dry-run -Werror $(SOURCES)
	$Q for h in $(filter %.h,$(SOURCES)); do echo "#include \"$$h\"" | \
		$(filter-out -MMD -MP -c,$(COMPILE)) -fsyntax-only -xc - || exit 1; done
	$Q cp README.md $O/README.now && $O/gen/gen --readme tools.json $O/README.now && \
		diff -u README.md $O/README.now

format:
	clang-format -i $(SOURCES)

install: all
	install -D -m 0755 $O/$(NAME) $(DESTDIR)$(BINDIR)/$(NAME)
	install -D -m 0755 $O/sandbox-agent $(DESTDIR)$(LIBEXECDIR)/sandbox-agent
	install -D -m 0644 $O/web/notices.txt $(DESTDIR)$(DOCDIR)/notices.txt

# The tests' packages stay: bringing them back takes a minute and a network.
clean:
	$(RM) -r build-* $(filter-out build/venv build/npm,$(wildcard build/*))

FORCE:
.PHONY: all tests check test serve deps snapshot bench layers fuzz fuzzers readme reference lint format \
        install clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $O -name '*.d' 2>/dev/null)
