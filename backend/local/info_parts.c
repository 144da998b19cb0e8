#include "backend/local/info_parts.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_MAX 256
#define PACKAGES_MAX 500
#define PACKAGES_MS 8000
#define TABLE_MAX (4 * 1024 * 1024)
#define LISTENS 0x0a

long info_first_pid(const struct agent *a)
{
    AUTO(buf) struct buf text = BUF_MAX(65536);
    char path[64];
    long pid;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", a->pid, a->pid);
    if (io_read_file(path, 4096, &text, NULL))
        return -1;
    pid = atol(buf_str(&text));
    return pid > 0 ? pid : -1;
}

static int add_port(struct sandbox_info *res, const char *address, unsigned port, bool six,
                    struct err *err)
{
    char text[80];

    snprintf(text, sizeof(text), six ? "[%s]:%u" : "%s:%u", address, port);
    for (size_t i = 0; i < res->ports.count; i++)
        if (!strcmp(res->ports.items[i], text))
            return 0;
    return strings_addf(&res->ports, err, "%s", text);
}

/* A line of /proc/net/tcp or tcp6: "0: 0100007F:1FBB 00000000:0000 0A ...", words as in memory. */
static int take_line(struct sandbox_info *res, const char *line, struct err *err)
{
    uint32_t words[4] = { 0 };
    char hex[33], address[INET6_ADDRSTRLEN];
    unsigned port, state;
    bool six;

    if (sscanf(line, "%*[ 0-9]: %32[0-9A-F]:%4X %*[0-9A-F]:%*4X %2X", hex, &port, &state) != 3 ||
        state != LISTENS)
        return 0;
    six = strlen(hex) == 32;
    for (size_t i = 0; i < (six ? 4 : 1); i++)
        (void)sscanf(hex + 8 * i, "%8X", &words[i]);
    if (!inet_ntop(six ? AF_INET6 : AF_INET, words, address, sizeof(address)))
        return 0;
    return add_port(res, address, port, six, err);
}

int info_ports(const struct agent *a, struct sandbox_info *res, struct err *err)
{
    static const char *const tables[] = { "tcp", "tcp6" };
    long pid = info_first_pid(a);

    for (size_t i = 0; pid > 0 && i < COUNT_OF(tables); i++) {
        AUTO(buf) struct buf text = BUF_MAX(TABLE_MAX);
        char path[64], *save = NULL;
        snprintf(path, sizeof(path), "/proc/%ld/net/%s", pid, tables[i]);
        if (io_read_file(path, TABLE_MAX, &text, NULL) || !text.len)
            continue;
        for (char *line = strtok_r(text.data, "\n", &save); line && res->ports.count < PORTS_MAX;
             line = strtok_r(NULL, "\n", &save))
            if (take_line(res, line, err))
                return -1;
    }
    return 0;
}

static const char packages_command[] =
    "command -v python3 >/dev/null && python3 - <<'END'\n"
    "from importlib.metadata import distributions\n"
    "found = {(d.metadata['Name'] or '').lower(): d.version for d in distributions()}\n"
    "for name in sorted(n for n in found if n): print(f'{name}=={found[name]}')\n"
    "END";

int info_packages(struct local_sandbox *sb, struct call *call, struct sandbox_info *res,
                  struct err *err)
{
    AUTO(exec_result) struct exec_result r = { 0 };
    struct exec_request req = { .command = packages_command,
                                .timeout_ms = PACKAGES_MS,
                                .yield_ms = PACKAGES_MS,
                                .max_bytes = 48 * 1024 };
    char *save = NULL;

    if (local_exec_ops.run(&sb->base, call, &req, &r, err))
        return -1;
    for (char *line = r.out.text.len ? strtok_r(r.out.text.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        if (res->packages.count == PACKAGES_MAX)
            return strings_addf(&res->packages, err, "... and more: code_packages lists them");
        if (strings_addf(&res->packages, err, "%.200s", line))
            return -1;
    }
    return 0;
}
