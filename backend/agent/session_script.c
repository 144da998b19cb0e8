#include "backend/agent/session_script.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PRINT_MAX 512

static void add(struct script *s, const char *text, size_t len)
{
    if (s->overflow || len > sizeof(s->text) - s->len) {
        s->overflow = true;
        return;
    }
    memcpy(s->text + s->len, text, len);
    s->len += len;
}

static void put(struct script *s, const char *text)
{
    add(s, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void print(struct script *s, const char *fmt, ...)
{
    char text[PRINT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    put(s, text);
}

/* 'text', whatever it holds */
static void quote(struct script *s, const char *text)
{
    put(s, "'");
    for (;;) {
        const char *q = strchrnul(text, '\'');
        add(s, text, (size_t)(q - text));
        if (!*q)
            break;
        put(s, "'\\''");
        text = q + 1;
    }
    put(s, "'");
}

bool script_env_valid(const uint8_t *env, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    const char *text = (const char *)env;

    for (size_t at = 0; at < len; at += strlen(text + at) + 1)
        if ((text[at] >= '0' && text[at] <= '9') || text[at + strspn(text + at, letters)] != '=')
            return false;
    return true;
}

void script_begin(struct script *s, const char *cwd)
{
    s->len = s->sent = 0;
    s->overflow = false;
    put(s, "builtin cd -- ");
    quote(s, cwd);
    put(s, "; unset OLDPWD\n");
}

static void put_env(struct script *s, const uint8_t *env, size_t len)
{
    const char *text = (const char *)env;

    for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
        add(s, text + at, strcspn(text + at, "=") + 1);
        quote(s, strchr(text + at, '=') + 1);
        put(s, " ");
    }
}

void script_add_status(struct script *s, const char *dir, unsigned number)
{
    print(s, "builtin printf '%%s %%s\\0' \"$?\" \"$PWD\" >%s/%u.s\n", dir, number);
}

/* `command` takes from eval what makes a special builtin's failure end the shell. */
bool script_add(struct script *s, const struct script_command *c)
{
    size_t before;

    if (s->sent == s->len)
        s->len = s->sent = 0;
    before = s->len;
    s->overflow = false;
    if (c->cwd) {
        put(s, "if builtin cd -- ");
        quote(s, c->cwd);
        print(s, " 2>%s/%u.e; then ", c->dir, c->number);
    }
    put_env(s, c->env, c->env_len);
    put(s, "command eval ");
    if (c->command)
        quote(s, c->command);
    else
        print(s, "\"$(<%s/%u.c)\"", c->dir, c->number);
    print(s, " </dev/null >%s/%u.o 2>%s/%u.e%s\n", c->dir, c->number, c->dir, c->number,
          c->cwd ? "; else builtin false; fi" : "");
    script_add_status(s, c->dir, c->number);
    if (s->overflow)
        s->len = before;
    return !s->overflow;
}

bool script_status(const char *text, size_t len, int *code, char cwd[AGENT_PATH])
{
    size_t at = 0;
    int v = 0;

    while (at < len && at < 3 && text[at] >= '0' && text[at] <= '9')
        v = v * 10 + (text[at++] - '0');
    if (!at || v > 255 || at == len || text[at] != ' ')
        return false;
    *code = v;
    at++;
    if (at < len && text[at] == '/' && len - at < AGENT_PATH && !memchr(text + at, 0, len - at)) {
        memcpy(cwd, text + at, len - at);
        cwd[len - at] = '\0';
    }
    return true;
}
