/*
 * What the agent reads: frames, CONFIG, requests, the status line of a shell and the lines of
 * /proc. What is accepted keeps its bounds; text for the shell holds what was asked for and no
 * more, as a reader of its quotes finds out.
 *
 * The first byte of an input chooses.
 *
 * covers: backend/agent/channel.c backend/agent/config.c backend/agent/request.c
 * covers: backend/agent/session_script.c backend/wire.h
 * seeds: tests/fuzz/seeds/agent_wire
 */
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/request.h"
#include "backend/agent/session_script.h"
#include "backend/agent/tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)   \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

static struct agent_config config;
static struct script script;

static size_t variables(const uint8_t *env, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += !env[i];
    return n;
}

static void check_config(const struct wire_in *in)
{
    if (!config_parse(in, &config))
        return;
    MUST(in->op == WIRE_CONFIG && config.workspace[0] == '/' && config.home[0] == '/');
    MUST(strlen(config.workspace) < AGENT_PATH && strlen(config.home) < AGENT_PATH);
    MUST(config.env_len <= AGENT_ENV_BYTES && config.egress_port <= UINT16_MAX);
    MUST(variables((const uint8_t *)config.env, config.env_len) <= AGENT_ENV_VARS);
    MUST(config.host != wire_has(in, TAG_FILTER));
}

/* A quoted word as the shell reads it, into out; what follows it. */
static const char *unquote(const char *at, char *out)
{
    MUST(*at++ == '\'');
    for (;;) {
        const char *end = strchr(at, '\'');
        MUST(end);
        out = (char *)mempcpy(out, at, (size_t)(end - at));
        if (strncmp(end, "'\\''", 4)) {
            *out = '\0';
            return end + 1;
        }
        *out++ = '\'';
        at = end + 4;
    }
}

static const char *expect(const char *at, const char *text)
{
    MUST(!strncmp(at, text, strlen(text)));
    return at + strlen(text);
}

static void read_back(const struct script_command *c)
{
    static char word[SCRIPT_MAX + 1], text[SCRIPT_MAX + 1];
    const char *at = text;

    memcpy(text, script.text, script.len);
    text[script.len] = '\0';
    at = expect(at, "builtin cd -- ");
    at = expect(unquote(at, word), "; unset OLDPWD\n");
    if (c->cwd) {
        at = unquote(expect(at, "if builtin cd -- "), word);
        MUST(!strcmp(word, c->cwd));
        at = expect(at, " 2>/tmp/d/7.e; then ");
    }
    for (size_t i = 0; i < c->env_len; i += strlen((const char *)c->env + i) + 1) {
        const char *var = (const char *)c->env + i;
        size_t name = strcspn(var, "=") + 1;
        MUST(!strncmp(at, var, name) && strcspn(var, " '\";\n$") >= name - 1);
        at = expect(unquote(at + name, word), " ");
        MUST(!strcmp(word, var + name));
    }
    at = expect(at, "command eval ");
    if (c->command) {
        at = unquote(at, word);
        MUST(!strcmp(word, c->command));
    } else {
        at = expect(at, "\"$(</tmp/d/7.c)\"");
    }
    at = expect(at, " </dev/null >/tmp/d/7.o 2>/tmp/d/7.e");
    at = expect(at, c->cwd ? "; else builtin false; fi\n" : "\n");
    at = expect(at, "builtin printf '%s %s\\0' \"$?\" \"$PWD\" >/tmp/d/7.s\n");
    MUST(!*at);
}

static void check_script(const struct wire_in *in, const char *command)
{
    static char cwd[AGENT_PATH];
    struct script_command c = { .dir = "/tmp/d",
                                .number = 7,
                                .command = command,
                                .cwd = wire_str(in, TAG_CWD, cwd, sizeof(cwd)) ? cwd : NULL,
                                .env = in->tags[TAG_ENV].data,
                                .env_len = in->tags[TAG_ENV].len };

    if (!config_env_valid(c.env, c.env_len) || !script_env_valid(c.env, c.env_len))
        return;
    MUST(variables(c.env, c.env_len) <= AGENT_ENV_VARS);
    script_begin(&script, c.cwd ? c.cwd : "/workspace");
    if (script_add(&script, &c))
        read_back(&c);
}

static void check_request(const struct wire_in *in, int extra)
{
    static char cwd[AGENT_PATH];
    const char *command = request_command(in, extra);

    if (request_cwd(in, cwd, sizeof(cwd)))
        MUST(strlen(cwd) < sizeof(cwd));
    if (command)
        MUST(strlen(command) <= COMMAND_MAX);
    check_script(in, command);
}

static int memfd(const void *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size && !lseek(fd, 0, SEEK_SET));
    return fd;
}

static void check_frame(const uint8_t *data, size_t size)
{
    struct wire_in in;
    int extra;

    if (!wire_parse(&in, data, size))
        return;
    for (int tag = 0; tag < TAG_MAX; tag++)
        if (wire_has(&in, (uint16_t)tag))
            MUST(in.tags[tag].data >= data && in.tags[tag].data + in.tags[tag].len <= data + size);
    check_config(&in);
    extra = memfd(data, size);
    check_request(&in, extra);
    close(extra);
}

/* One datagram with as many descriptors as the first byte says. */
static void check_channel(const uint8_t *data, size_t size)
{
    static uint8_t bytes[WIRE_MAX];
    union {
        char buf[CMSG_SPACE(sizeof(int) * 16)];
        struct cmsghdr align;
    } control = { 0 };
    int pair[2], fds[WIRE_MAX_FDS], nfds = size ? data[0] % 10 : 0, n, r;
    struct iovec iov = { (void *)(size_t)(data + !!size), size - !!size };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    struct wire_in in;

    MUST(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    if (nfds) {
        struct cmsghdr *c = &control.align;
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
        for (int i = 0; i < nfds; i++)
            memcpy(CMSG_DATA(c) + sizeof(int) * (size_t)i, &pair[1], sizeof(int));
    }
    MUST(sendmsg(pair[0], &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len);
    r = channel_recv(pair[1], &in, bytes, fds, &n, MSG_DONTWAIT);
    MUST(r == -2 || r == 0 || (r == 1 && n == nfds && in.nfds == n));
    MUST(r == 1 || !n);
    for (int i = 0; i < n; i++)
        close(fds[i]);
    MUST(channel_recv(pair[1], &in, bytes, fds, &n, MSG_DONTWAIT) == -1 && !n);
    channel_error(pair[1], CODE_INVALID, NULL, "%.*s", (int)size, (const char *)data);
    r = channel_recv(pair[0], &in, bytes, fds, &n, MSG_DONTWAIT);
    MUST(r == 1 && in.op == WIRE_ERROR && !n);
    close(pair[0]);
    MUST(!request_start(pair[1], &in, bytes));
    close(pair[1]);
}

static void check_status(const char *text, size_t size)
{
    char cwd[AGENT_PATH] = "/last";
    int code = -1;

    if (script_status(text, size, &code, cwd))
        MUST(code >= 0 && code <= 255);
    else
        MUST(code == -1);
    MUST(cwd[0] == '/' && strlen(cwd) < sizeof(cwd));
}

static void check_stat(const uint8_t *data, size_t size)
{
    struct process p = { .pid = 0 };
    char *text = strndup((const char *)data, size);

    MUST(text);
    if (tree_parse(text, &p))
        MUST(strchr(text, ')') && p.state);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    switch (data[0] % 4) {
    case 0:
        check_frame(data + 1, size - 1);
        break;
    case 1:
        check_channel(data + 1, size - 1);
        break;
    case 2:
        check_status((const char *)data + 1, size - 1);
        break;
    case 3:
        check_stat(data + 1, size - 1);
    }
    return 0;
}
