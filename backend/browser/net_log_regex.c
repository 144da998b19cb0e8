#include "backend/browser/net_log.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>
#include <string.h>

#define MATCH_LIMIT 20000 /* steps for one text */
#define HEAP_KB 4096

struct net_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

void net_regex_free(struct net_regex *re)
{
    if (!re)
        return;
    pcre2_code_free(re->code);
    pcre2_match_data_free(re->data);
    pcre2_match_context_free(re->context);
    free(re);
}

int net_regex_new(const char *pattern, struct net_regex **out, struct err *err)
{
    AUTO_PTR(net_regex) struct net_regex *re = calloc(1, sizeof(*re));
    char why[128];
    int number;
    size_t where;

    if (!re)
        return err_oom(err);
    re->code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_CASELESS, &number, &where, NULL);
    if (!re->code) {
        pcre2_get_error_message(number, (PCRE2_UCHAR *)why, sizeof(why));
        return err_set(err, ERR_INVALID, "no regular expression: %s at character %zu", why, where);
    }
    re->data = pcre2_match_data_create(1, NULL);
    re->context = pcre2_match_context_create(NULL);
    if (!re->data || !re->context)
        return err_oom(err);
    pcre2_set_match_limit(re->context, MATCH_LIMIT);
    pcre2_set_heap_limit(re->context, HEAP_KB);
    *out = TAKE(re);
    return 0;
}

bool net_regex_matches(struct net_regex *re, const char *text)
{
    return pcre2_match(re->code, (PCRE2_SPTR)text, strlen(text), 0, 0, re->data, re->context) >= 0;
}
