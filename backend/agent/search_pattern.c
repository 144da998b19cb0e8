#define PCRE2_CODE_UNIT_WIDTH 8
#include "backend/agent/search_pattern.h"
#include "backend/agent/agent.h"

#include <pcre2.h>
#include <string.h>

#define MATCH_LIMIT 2000000    /* PCRE2's count of steps in one match */
#define HEAP_LIMIT (16 * 1024) /* KiB, of the interpreter */
#define STACK_MAX (1024 * 1024)

/* "\n" or a newline: somebody wants to look over the end of a line. */
static bool names_newline(const char *p, size_t len, bool literal)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '\n')
            return true;
        if (p[i] == '\\' && !literal && ++i < len && p[i] == 'n')
            return true;
    }
    return false;
}

int search_pattern_compile(struct search_pattern *p, const char *text, size_t len, bool literal,
                           bool icase, struct file_error *e)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    pcre2_code *code;
    PCRE2_SIZE where;
    PCRE2_UCHAR why[200];
    int number;

    *p = (struct search_pattern){ .text = text, .len = len };
    p->spans = names_newline(text, len, literal);
    if (!len)
        return file_fail(e, CODE_INVALID, "pattern: must not be empty");
    if (literal && !icase)
        return 0;
    options =
        literal ? PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_LITERAL : options | PCRE2_MULTILINE;
    options |= icase ? PCRE2_CASELESS : 0;
    code = pcre2_compile((PCRE2_SPTR)text, len, options, &number, &where, NULL);
    if (!code) {
        pcre2_get_error_message(number, why, sizeof(why));
        file_fail(e, CODE_INVALID, "pattern: %s at offset %zu", (char *)why, (size_t)where);
        return file_hint(e, literal ? "pass a pattern that is valid UTF-8"
                                    : "correct the expression, or pass literal: true to search "
                                      "for the text as it is");
    }
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    p->code = code;
    return 0;
}

void search_pattern_done(struct search_pattern *p)
{
    pcre2_code_free(p->code);
    p->code = NULL;
}

bool search_matcher_init(struct search_matcher *m, const struct search_pattern *p)
{
    *m = (struct search_matcher){ 0 };
    if (!p->code)
        return true;
    m->data = pcre2_match_data_create(1, NULL);
    m->context = pcre2_match_context_create(NULL);
    m->stack = pcre2_jit_stack_create(32 * 1024, STACK_MAX, NULL);
    if (!m->data || !m->context) {
        search_matcher_done(m);
        return false;
    }
    pcre2_set_match_limit(m->context, MATCH_LIMIT);
    pcre2_set_heap_limit(m->context, HEAP_LIMIT);
    pcre2_jit_stack_assign(m->context, NULL, m->stack);
    return true;
}

void search_matcher_done(struct search_matcher *m)
{
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    *m = (struct search_matcher){ 0 };
}

static enum search_found find_text(const struct search_pattern *p, const char *text, size_t len,
                                   size_t from, size_t *start, size_t *end)
{
    const char *hit = memmem(text + from, len - from, p->text, p->len);

    if (!hit)
        return SEARCH_NONE;
    *start = (size_t)(hit - text);
    *end = *start + p->len;
    return SEARCH_FOUND;
}

enum search_found search_match(const struct search_pattern *p, struct search_matcher *m,
                               const char *text, size_t len, size_t from, size_t *start,
                               size_t *end)
{
    const PCRE2_SIZE *found;
    int n;

    if (!p->code)
        return find_text(p, text, len, from, start, end);
    n = pcre2_match(p->code, (PCRE2_SPTR)text, len, from, 0, m->data, m->context);
    if (n == PCRE2_ERROR_NOMATCH)
        return SEARCH_NONE;
    if (n < 0)
        return SEARCH_COSTLY;
    found = pcre2_get_ovector_pointer(m->data);
    *start = found[0];
    *end = found[1] > found[0] ? found[1] : found[0];
    return SEARCH_FOUND;
}
