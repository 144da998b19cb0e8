#include "backend/agent/request.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void request_violation(void)
{
    _exit(AGENT_VIOLATION);
}

bool request_start(int channel, struct wire_in *in, uint8_t *bytes)
{
    int fds[WIRE_MAX_FDS], nfds, r = channel_recv(channel, in, bytes, fds, &nfds, 0);

    if (r < 0 || (r && (in->op != WIRE_START || nfds)))
        request_violation();
    return r;
}

static const char *read_command(int fd)
{
    static char text[COMMAND_MAX + 1];
    size_t len = 0;

    for (;;) {
        ssize_t n = read(fd, text + len, sizeof(text) - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || len + (size_t)n > COMMAND_MAX)
            return NULL;
        if (!n)
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    return memchr(text, 0, len) ? NULL : text;
}

const char *request_command(const struct wire_in *in, int extra)
{
    static char text[WIRE_MAX];

    if (wire_has(in, TAG_COMMAND_FD))
        return extra >= 0 && !wire_has(in, TAG_COMMAND) ? read_command(extra) : NULL;
    return wire_str(in, TAG_COMMAND, text, sizeof(text)) ? text : NULL;
}

bool request_cwd(const struct wire_in *in, char *out, size_t size)
{
    if (wire_has(in, TAG_CWD))
        return wire_str(in, TAG_CWD, out, size);
    snprintf(out, size, "%s", agent_config.workspace);
    return true;
}
