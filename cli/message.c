#include "cli/message.h"
#include "base/json.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

int message_make(struct buf *out, const struct options *o, struct err *err)
{
    const char *arguments = o->word_count == 3 ? o->words[2] : "{}";
    AUTO_JSON yyjson_doc *doc = NULL;
    struct jw w = JW(out, err);

    if (o->word_count < 2 || o->word_count > 3) {
        err_set(err, ERR_INVALID, "call needs a tool and its arguments");
        return err_next(err, "e.g. sandbox-mcp call terminal_execute '{\"command\":\"ls\"}'");
    }
    doc = json_parse(arguments, strlen(arguments), err);
    if (!doc)
        return err_wrap(err, "arguments");
    jw_obj(&w);
    jw_kstr(&w, "jsonrpc", "2.0");
    jw_kint(&w, "id", 1);
    jw_kstr(&w, "method", "tools/call");
    jw_key(&w, "params");
    jw_obj(&w);
    jw_kstr(&w, "name", o->words[1]);
    jw_key(&w, "arguments");
    jw_val(&w, yyjson_doc_get_root(doc));
    jw_kraw(&w, "_meta",
            "{\"io.modelcontextprotocol/protocolVersion\":\"" MESSAGE_VERSION "\","
            "\"io.modelcontextprotocol/clientCapabilities\":{}}");
    jw_end(&w);
    jw_end(&w);
    return jw_done(&w);
}

static void print_text(const char *text, size_t len)
{
    AUTO(buf) struct buf clean = BUF_MAX(len * 3 + 16);

    if (isatty(STDOUT_FILENO) && !text_add_plain(&clean, text, len, NULL, NULL)) {
        text = buf_str(&clean);
        len = clean.len;
    }
    fwrite(text, 1, len, stdout);
    if (len && text[len - 1] != '\n')
        putchar('\n');
}

static void print_block(yyjson_val *block)
{
    yyjson_val *text = yyjson_obj_get(block, "text");
    const char *mime = json_str(block, "mimeType");

    if (yyjson_is_str(text))
        print_text(yyjson_get_str(text), yyjson_get_len(text));
    else
        printf("[%s%s%s]\n", json_str(block, "type") ? json_str(block, "type") : "content",
               mime ? " " : "", mime ? mime : "");
}

int message_print(const struct buf *reply, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = yyjson_read(buf_str(reply), reply->len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *result = yyjson_obj_get(root, "result");
    yyjson_val *error = yyjson_obj_get(root, "error"), *block;
    size_t i, max;

    if (error) {
        const char *why = json_str(error, "message");
        err_set(err, ERR_INVALID, "%s", why);
        return why && !strncmp(why, "Unknown tool", 12)
                   ? err_next(err, "--toolsets all has every tool of this backend")
                   : -1;
    }
    if (!result)
        return err_set(err, ERR_PROTOCOL, "no answer");
    yyjson_arr_foreach (yyjson_obj_get(result, "content"), i, max, block) {
        print_block(block);
    }
    if (fflush(stdout) || ferror(stdout))
        return err_set(err, ERR_UNAVAILABLE, "the result could not be written to stdout");
    return json_bool(result, "isError", false) ? 1 : 0;
}
