/*
 * Reads lines "SCHEMA<tab>VALUE" and answers each with 1 (it fits), 0 (it does not), or a word why
 * there is no verdict. For tests/gen/test_pairs.py.
 */
#include "mcp/schema.h"

#include <stdio.h>
#include <string.h>

static const char *judge(char *line)
{
    char *tab = strchr(line, '\t');
    AUTO_JSON yyjson_doc *schema = NULL, *value = NULL;
    struct err err = { 0 };

    if (!tab)
        return "malformed";
    *tab = '\0';
    schema = json_parse(line, strlen(line), &err);
    value = json_parse(tab + 1, strcspn(tab + 1, "\n"), &err);
    if (!schema || !value || schema_verify(yyjson_doc_get_root(schema), &err))
        return err.msg;
    if (!schema_check(yyjson_doc_get_root(schema), yyjson_doc_get_root(value), &err))
        return "1";
    return err.code == ERR_INVALID ? "0" : err.msg;
}

int main(void)
{
    static char line[1 << 20];

    while (fgets(line, sizeof(line), stdin))
        puts(judge(line));
    return 0;
}
