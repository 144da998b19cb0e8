#include "tools/render.h"
#include "tools/resources.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX (RESOURCES_OUTPUT_MAX * 2)

/* One stream as an item of the contents. The hole of a long one is said in place. */
static int add_stream(struct tool_call *call, const char *uri, const struct stream_text *s,
                      struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(TEXT_MAX);
    const char *bytes = buf_str(&s->text);
    size_t cut = s->omitted ? s->hole : s->text.len;

    if (render_plain(&text, bytes, cut, err))
        return -1;
    if (s->omitted &&
        (buf_addf(&text, err, "[... %llu bytes omitted ...]\n", (unsigned long long)s->omitted) ||
         render_plain(&text, bytes + cut, s->text.len - cut, err)))
        return -1;
    return resource_text(call, uri, "text/plain", buf_str(&text), text.len, err);
}

/* stdout under the URI itself, stderr, when there is any, under its fragment. */
int resources_output(struct tool_call *call, const char *uri, const struct arg_map *vars,
                     struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(exec_result) struct exec_result res = { 0 };
    char errs[RESOURCE_URI_MAX + 16];
    struct output_request req = {
        .process_id = prompt_value(vars, "pid"),
        .whole = true,
        .max_bytes = RESOURCES_OUTPUT_MAX,
    };

    if (resources_sandbox(call, prompt_value(vars, "id"), &sb, err) ||
        sandbox_output(sb, call->call, &req, &res, err) || add_stream(call, uri, &res.out, err))
        return -1;
    if (!res.errs.text.len)
        return 0;
    snprintf(errs, sizeof(errs), "%s#stderr", uri);
    return add_stream(call, errs, &res.errs, err);
}
