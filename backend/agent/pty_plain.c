#include "backend/agent/pty.h"

#include <string.h>

static void put(struct pty_plain *p, char c)
{
    if (p->len == PTY_PLAIN) {
        memmove(p->text, p->text + PTY_PLAIN / 2, PTY_PLAIN - PTY_PLAIN / 2);
        p->len -= PTY_PLAIN / 2;
    }
    p->text[p->len++] = c;
    p->total++;
}

/* Where the cursor goes elsewhere what follows belongs to another place. */
static void csi(struct pty_plain *p, char final)
{
    if (strchr("HfdABEFGJLMST", final))
        put(p, '\n');
    else if (final == 'C')
        put(p, ' ');
}

static void ground(struct pty_plain *p, char c)
{
    unsigned char u = (unsigned char)c;

    if (p->returned && c != '\r') {
        p->returned = false;
        put(p, '\n');
        if (c == '\n')
            return;
    }
    if (u == 0x1b)
        p->state = PLAIN_ESCAPE;
    else if (c == '\r')
        p->returned = true;
    else if (c == '\n' || c == '\t' || (u >= ' ' && u != 0x7f))
        put(p, c);
}

static void escape(struct pty_plain *p, char c)
{
    if (c == '[')
        p->state = PLAIN_CSI;
    else if (strchr("]PX^_", c))
        p->state = PLAIN_STRING;
    else if ((unsigned char)c < ' ' || (unsigned char)c >= 0x30)
        p->state = PLAIN_GROUND;
}

static void step(struct pty_plain *p, char c)
{
    unsigned char u = (unsigned char)c;

    if (p->state == PLAIN_GROUND) {
        ground(p, c);
    } else if (u == 0x18 || u == 0x1a) {
        p->state = PLAIN_GROUND;
    } else if (u == 0x1b) {
        p->state = PLAIN_ESCAPE;
    } else if (p->state == PLAIN_ESCAPE) {
        escape(p, c);
    } else if (p->state == PLAIN_CSI && u >= 0x40 && u < 0x7f) {
        p->state = PLAIN_GROUND;
        csi(p, c);
    } else if (p->state == PLAIN_STRING && u == 0x07) {
        p->state = PLAIN_GROUND;
    }
}

void pty_plain_add(struct pty_plain *p, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        step(p, bytes[i]);
}
