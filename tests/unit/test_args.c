#include "mcp/args_parts.h"
#include "tests/unit/args_table.h"

static void every_type_is_bound(void)
{
    CHECK_GOOD(
        { "{'text':'a'}", "a" }, { "{'text':'a','count':7}", "a count=7" },
        { "{'count':0,'text':'a'}", "a count=0" }, { "{'text':'a','ratio':0.25}", "a ratio=0.25" },
        { "{'text':'a','ratio':3}", "a ratio=3" }, { "{'text':'a','flag':true}", "a flag=1" },
        { "{'text':'a','flag':false}", "a flag=0" },
        { "{'text':'a','mode':'append','kind':'overwrite'}", "a mode=2 kind=0" },
        { "{'text':'a','list':['x','yy']}", "a list[x yy]" },
        { "{'text':'a','list':[]}", "a list[]" },
        { "{'text':'a','parts':['policy','ports']}", "a parts[policy ports]" },
        { "{'text':'a','env':{'A':'b','C':''}}", "a A=b C=" },
        { "{'text':'a','one':{'old':'x'}}", "a one{x 1 0}" },
        { "{'text':'a','many':[{'old':'x','count':0},{'regex':true,'old':'y'}]}",
          "a many{x 0 0} many{y 1 1}" },
        { "{'text':'a','perm':'0644','sig':'KILL','hash':'abcd'}",
          "a perm=0644 sig=KILL hash=abcd" },
        { "{'text':'\\u00e9\\n\\ud83d\\ude00'}", "\u00e9\n\U0001f600" });
}

static void the_known_slips_are_coerced(void)
{
    CHECK_GOOD(
        { "{'text':'a','count':'5'}", "a count=5" }, { "{'text':'a','count':'-5'}", "a count=-5" },
        { "{'text':'a','count':5.0}", "a count=5" }, { "{'text':'a','count':1e3}", "a count=1000" },
        { "{'text':'a','ratio':'5'}", "a ratio=5" },
        { "{'text':'a','ratio':'0.25'}", "a ratio=0.25" },
        { "{'text':'a','ratio':'1e3'}", "a ratio=1000" },
        { "{'text':'a','flag':'true'}", "a flag=1" }, { "{'text':'a','flag':'false'}", "a flag=0" },
        { "{'text':'a','perm':644}", "a perm=0644" }, { "{'text':'a','perm':1777}", "a perm=1777" },
        { "{'text':'a','perm':0}", "a perm=0000" }, { "{'text':'a','sig':9}", "a sig=9" },
        { "{'text':'a','sig':9.0}", "a sig=9" }, );
}

static void nothing_else_is_coerced(void)
{
    CHECK_BAD({ "{'text':5.5}", "text: must be a string, not a number" },
              { "{'text':true}", "text: must be a string, not a boolean" },
              { "{'text':null}", "text: must be a string, not null",
                "leave it out instead of passing null" },
              { "{'text':['a']}", "text: must be a string, not an array" },
              { "{'text':{}}", "text: must be a string, not an object" },
              { "{'count':5.5}", "count: must be an integer, not 5.5" },
              { "{'count':'5.5'}", "count: must be an integer, not a string" },
              { "{'count':'5.0'}", "count: must be an integer, not a string" },
              { "{'count':' 5'}", "count: must be an integer, not a string" },
              { "{'count':'+5'}", "count: must be an integer, not a string" },
              { "{'count':'0x5'}", "count: must be an integer, not a string" },
              { "{'count':'5\\u0000'}", "count: must be an integer, not a string" },
              { "{'count':'-'}", "count: must be an integer, not a string" },
              { "{'count':''}", "count: must be an integer, not a string" },
              { "{'count':true}", "count: must be an integer, not a boolean" },
              { "{'ratio':'inf'}", "ratio: must be a number, not a string" },
              { "{'ratio':'nan'}", "ratio: must be a number, not a string" },
              { "{'ratio':'1-2'}", "ratio: must be a number, not a string" },
              { "{'ratio':'1e999'}", "ratio: must be a number, not a string" },
              { "{'flag':1}", "flag: must be true or false, not a number" },
              { "{'flag':'yes'}", "flag: must be true or false, not a string" },
              { "{'flag':'True'}", "flag: must be true or false, not a string" },
              { "{'mode':1}", "mode: must be a string, not a number" },
              { "{'sig':true}", "sig: must be a string, not a boolean" },
              { "{'list':'x'}", "list: must be an array of strings, not a string" },
              { "{'list':[1]}", "list[0]: must be a string, not a number" },
              { "{'env':[]}", "env: must be an object of strings, not an array" },
              { "{'env':{'A':1}}", "env.A: must be a string, not a number" },
              { "{'env':{'A':true}}", "env.A: must be a string, not a boolean" },
              { "{'env':{'A':null}}", "env.A: must be a string, not null",
                "leave it out instead of passing null" },
              { "{'one':[]}", "one: must be an object, not an array" },
              { "{'many':{}}", "many: must be an array of objects, not an object" },
              { "{'many':[1]}", "many[0]: must be an object, not a number" });
}

static void bounds_are_named(void)
{
    CHECK_BAD(
        { "{'count':-6}", "count: -6 is not within -5..9007199254740991" },
        { "{'count':'-6'}", "count: -6 is not within -5..9007199254740991" },
        { "{'count':9007199254740993}",
          "count: 9007199254740993 is not within -5..9007199254740991" },
        { "{'count':18446744073709551615}",
          "count: 1.84467440737096e+19 is not within -5..9007199254740991" },
        { "{'count':'99999999999999999999'}", "count: 1e+20 is not within -5..9007199254740991" },
        { "{'count':1e300}", "count: 1e+300 is not within -5..9007199254740991" },
        { "{'ratio':700000}", "ratio: 700000 is not within 0..86400" },
        { "{'ratio':-0.5}", "ratio: -0.5 is not within 0..86400" },
        { "{'text':''}", "text: must not be empty" },
        { "{'text':'12345678901'}", "text: 11 bytes is not within 1..10 bytes" },
        { "{'hash':'abc'}", "hash: 3 bytes is not within 4..4 bytes" },
        { "{'list':['1','2','3','4']}", "list: 4 items is not within 0..3 items" },
        { "{'list':['1','']}", "list[1]: must not be empty" },
        { "{'list':['1','12345']}", "list[1]: 5 bytes is not within 1..4 bytes" },
        { "{'many':[]}", "many: 0 items is not within 1..3 items" },
        { "{'many':[{'old':'a'},{'old':'b'},{'old':'c','count':-1}]}",
          "many[2].count: -1 is not within 0..100000" },
        { "{'env':{'A':'1234567'}}", "env.A: 7 bytes is not within 0..6 bytes" },
        { "{'env':{'A':'1','B':'1','C':'1','D':'1'}}", "env: 4 items is not within 0..3 items" },
        { "{'env':{'':'1'}}", "env: a name is empty" },
        { "{'sig':0}", "sig: 0 is not within 1..64" },
        { "{'sig':65}", "sig: 65 is not within 1..64" },
        { "{'sig':9.5}", "sig: must be an integer, not 9.5" },
        { "{'perm':8}", "perm: 8 is not octal" },
        { "{'perm':-1}", "perm: -1 is not within 0..7777" },
        { "{'perm':77777}", "perm: 77777 is not within 0..7777" },
        { "{'perm':'123456'}", "perm: 6 bytes is not within 1..5 bytes" });
}

static void nul_characters_are_refused(void)
{
    CHECK_BAD({ "{'text':'a\\u0000b'}", "text: contains a NUL character" },
              { "{'list':['\\u0000']}", "list[0]: contains a NUL character" },
              { "{'env':{'A':'\\u0000'}}", "env.A: contains a NUL character" },
              { "{'env':{'A\\u0000':'1'}}", "env: contains a NUL character" },
              { "{'mode':'create\\u0000'}",
                "mode: \"create\" is not one of overwrite, create, append",
                "did you mean \"create\"?" },
              { "{'text\\u0000':'1'}",
                "text: unknown argument; accepted: text, count, ratio, flag, mode, kind, list, "
                "parts, env, one, many, perm, sig, hash",
                "did you mean \"text\"?" });
}

static void unknown_arguments_name_the_accepted_ones(void)
{
    CHECK_BAD({ "{'text':'a','txt':1}",
                "txt: unknown argument; accepted: text, count, ratio, flag, mode, kind, list, "
                "parts, env, one, many, perm, sig, hash",
                "did you mean \"text\"?" },
              { "{'one':{'old':'a','old_string':'b'}}",
                "one.old_string: unknown argument; accepted: old, count, regex",
                "did you mean \"old\"?" },
              { "{'many':[{'old':'a'},{'zzz':'b'}]}",
                "many[1].zzz: unknown argument; accepted: old, count, regex" },
              { "{'one':{'':1}}", "one.: unknown argument; accepted: old, count, regex" },
              { "{'one':{'a\\n\\u001b[31mb':1}}",
                "one.a??[31mb: unknown argument; accepted: old, count, regex" },
              { "{'one':{'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa':1}}",
                "one.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...: unknown argument; "
                "accepted: old, count, regex",
                NULL });
}

static void the_nearest_name_is_suggested(void)
{
    static const char *const names[] = { "cwd", "command", "path", "timeout_s", "content", "old" };
    static const char *const cases[][2] = {
        { "cmd", "command" },
        { "cmmand", "command" },
        { "comand", "command" },
        { "cwdd", "cwd" },
        { "file_path", "path" },
        { "pathh", "path" },
        { "timeout", "timeout_s" },
        { "timeout_ms", "timeout_s" },
        { "contents", "content" },
        { "old_string", "old" },
        { "Command", "command" },
        { "text", NULL },
        { "x", NULL },
        { "", NULL },
        { "directory", NULL },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_STR(args_nearest(cases[i][0], names, COUNT_OF(names)), cases[i][1]);
}

static void choices_are_named(void)
{
    CHECK_BAD({ "{'mode':'apend'}", "mode: \"apend\" is not one of overwrite, create, append",
                "did you mean \"append\"?" },
              { "{'mode':''}", "mode: \"\" is not one of overwrite, create, append" },
              { "{'mode':'Append'}", "mode: \"Append\" is not one of overwrite, create, append",
                "did you mean \"append\"?" },
              { "{'parts':['ports','x']}", "parts[1]: \"x\" is not one of ports, policy" });
}

static void what_is_required_is_missed(void)
{
    CHECK_BAD({ "{}", "text: is required" }, { "{'flag':true}", "text: is required" },
              { "{'text':'a','many':[{'count':1}]}", "many[0].old: is required" },
              { "{'text':'a','one':{}}", "one.old: is required" });
}

static void arguments_are_one_object(void)
{
    CHECK_BAD({ "[]", "arguments: must be an object, not an array" },
              { "'{}'", "arguments: must be an object, not a string" },
              { "null", "arguments: must be an object, not null",
                "leave it out instead of passing null" },
              { "{'text':'a','text':'b'}", "text: is given twice" });
}

static void numbers_beyond_all_types_are_refused(void)
{
    CHECK_BAD({ "{'count':1e999}", "count: must be an integer, not a number out of range" },
              { "{'env':{'A':1e999}}", "env.A: must be a string, not a number out of range" });
}

static void without_arguments_there_are_the_defaults(void)
{
    struct args_storage storage = { 0 };
    struct err err = { 0 };
    char nothing = 'x';
    struct inner in;

    CHECK(!args_bind(&empty_table, NULL, &nothing, &storage, &err));
    CHECK_INT(nothing, 0);
    CHECK_INT(args_bind(&inner_table, NULL, &in, &storage, &err), -1);
    CHECK_STR(err.msg, "old: is required");
    args_storage_done(&storage);

    AUTO(binding) struct binding b = { 0 };
    bind(&b, "{'text':'a'}");
    CHECK(!b.status && !b.all.has_one && !b.all.has_flag && !b.all.has_count);
    CHECK_STR(b.all.sig, "TERM");
    CHECK(!b.all.perm && !b.all.list.items && !b.all.many.items && !b.all.env.items);
}

static void a_table_without_rows_accepts_nothing(void)
{
    struct args_storage storage = { 0 };
    struct err err = { 0 };
    char nothing;
    yyjson_doc *doc = parse("{'x':1}");

    CHECK_INT(args_bind(&empty_table, yyjson_doc_get_root(doc), &nothing, &storage, &err), -1);
    CHECK_STR(err.msg, "x: unknown argument; accepted: none");
    yyjson_doc_free(doc);
}

static void large_texts_and_many_small_ones_fit(void)
{
    enum { LARGE = 3 * 1024 * 1024, MANY = 2000 };
    static const struct arg_row rows[] = {
        ROW(all, text, ARG_STRING, .max_len = LARGE),
        ROW(all, list, ARG_STRINGS, .max_len = MANY, .item_max = LARGE),
        ROW(all, hash, ARG_STRING, .max_len = LARGE),
    };
    static const struct arg_table table = { rows, COUNT_OF(rows), sizeof(struct all) };
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc), *list = yyjson_mut_arr(doc);
    AUTO_FREE char *large = malloc(LARGE + 1);
    struct args_storage storage = { 0 };
    struct err err = { 0 };
    struct all all;

    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    for (int i = 0; i < MANY; i++) {
        char text[32];
        snprintf(text, sizeof(text), "item %d", i);
        yyjson_mut_arr_add_strcpy(doc, list, text);
    }
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "text", "small");
    yyjson_mut_obj_add_str(doc, root, "hash", large);
    yyjson_mut_obj_add_val(doc, root, "list", list);
    yyjson_doc *plain = yyjson_mut_doc_imut_copy(doc, NULL);
    yyjson_mut_doc_free(doc);
    int status = args_bind(&table, yyjson_doc_get_root(plain), &all, &storage, &err);
    yyjson_doc_free(plain);

    CHECK(!status);
    CHECK_STR(all.text, "small");
    CHECK(!strcmp(all.hash, large));
    CHECK_INT(all.list.count, MANY);
    for (size_t i = 0; i < MANY; i++) {
        char text[32];
        snprintf(text, sizeof(text), "item %zu", i);
        CHECK_STR(all.list.items[i], text);
    }
    args_storage_done(&storage);
    CHECK(!storage.chunks);
}

static const struct test tests[] = {
    TEST(every_type_is_bound),
    TEST(the_known_slips_are_coerced),
    TEST(nothing_else_is_coerced),
    TEST(bounds_are_named),
    TEST(nul_characters_are_refused),
    TEST(unknown_arguments_name_the_accepted_ones),
    TEST(the_nearest_name_is_suggested),
    TEST(choices_are_named),
    TEST(what_is_required_is_missed),
    TEST(arguments_are_one_object),
    TEST(numbers_beyond_all_types_are_refused),
    TEST(without_arguments_there_are_the_defaults),
    TEST(a_table_without_rows_accepts_nothing),
    TEST(large_texts_and_many_small_ones_fit),
};
TEST_MAIN(tests)
