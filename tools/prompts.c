#include "tools/resources.h"

#include <string.h>

#define COMMAND_MAX 1000 /* bytes of an argument that goes into the text */

/* One line without anything that would end a quotation in the text. */
static int check(const char *name, const char *value, struct err *err)
{
    if (!value)
        return 0;
    if (strlen(value) > COMMAND_MAX)
        return err_set(err, ERR_INVALID, "%s: more than %d bytes", name, COMMAND_MAX);
    for (const char *s = value; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '`')
            return err_set(err, ERR_INVALID, "%s: must be one line without backquotes", name);
    return 0;
}

/* ---- explore-data ---- */

static const char explore_text[] =
    "Explore the data in `%s` in the sandbox and %s%s.\n\n"
    "Work in this order:\n"
    "1. file_list on the path (with its parent, when it is a file): which files there are and how "
    "large. When nothing is there, say so and stop.\n"
    "2. file_read with limit=20, and offset=-20 for the end, of one file of each kind: find out "
    "format, separator, header, encoding and how missing values look. Never read a large file "
    "whole.\n"
    "3. code_execute with language=python: load it once into a variable (pandas when it can be "
    "imported, else csv, json or sqlite3); variables stay between calls, so never load twice. For "
    "more than 200 MB read a sample or the columns that are needed.\n"
    "4. In the same interpreter: rows and columns, types, missing and duplicate values, range and "
    "distribution of each column, the most frequent values of categories; then what stands out "
    "and relations between columns. Print small tables, not frames.\n"
    "5. A plot only where it shows more than a number (matplotlib in the same interpreter, one "
    "figure per call).\n"
    "6. Save what can be used again as a script with file_write and name its path.\n\n"
    "End with the five most important findings with their numbers, the faults of the data, and "
    "what you did not look at. Say of each claim which call shows it; do not guess.\n";

static int explore_data(struct tool_call *call, const struct arg_map *args, struct err *err)
{
    const char *path = prompt_value(args, "path"), *question = prompt_value(args, "question");
    bool asked = question && *question;

    if (check("path", path, err) || check("question", question, err))
        return -1;
    if (!*path)
        return err_set(err, ERR_INVALID, "path: is empty");
    return prompt_textf(call, PROMPT_USER, err, explore_text, path,
                        asked ? "answer this question: " : "tell me what is in it",
                        asked ? question : "");
}

static const struct prompt_arg explore_args[] = {
    { .name = "path",
      .title = "Path",
      .description = "File or directory in the sandbox",
      .required = true },
    { .name = "question", .title = "Question", .description = "What you want to know of it" },
    { .name = NULL },
};

static int explore_complete(struct tool_call *call, const char *argument, const char *value,
                            const struct arg_map *known UNUSED, struct completion *out,
                            struct err *err)
{
    return strcmp(argument, "path") ? 0 : resources_complete_path(call, NULL, value, out, err);
}

/* ---- fix-tests ---- */

static const char fix_text[] =
    "Make the failing tests%s%s%s pass. %s%s%s\n\n"
    "Work in this order:\n"
    "1. Run them with terminal_execute (cwd=the project, timeout_s as long as they need; with "
    "yield_s they go on under a process_id that terminal_output reads). Keep the first run's list "
    "of failures: it is what you are measured by.\n"
    "2. For each failure read its message and the innermost line of the project in the trace; "
    "file_search finds the definition and its callers, file_read with offset and limit shows them. "
    "Read before you change.\n"
    "3. Say in one sentence what is wrong, and whether the code or the test is. Change the code; "
    "change a test only when it contradicts the documented behaviour, and say why. Never skip, "
    "delete or weaken a test, and do not catch an error only to hide it.\n"
    "4. Edit with file_replace (small, exact old text; dry_run shows the diff). One cause at a "
    "time.\n"
    "5. Run only the test in question until it passes, then all of them once more. A failure that "
    "was not there before is yours.\n"
    "6. A missing dependency or tool: say so and what would install it; look with sandbox_info "
    "whether there is a network before trying.\n\n"
    "End with what was wrong, each file changed and why, the outcome of the last whole run with "
    "its "
    "exact command, and what still fails.\n";

static int fix_tests(struct tool_call *call, const struct arg_map *args, struct err *err)
{
    const char *path = prompt_value(args, "path"), *command = prompt_value(args, "command");
    bool placed = path && *path, told = command && *command;

    if (check("path", path, err) || check("command", command, err))
        return -1;
    return prompt_textf(call, PROMPT_USER, err, fix_text, placed ? " of the project in `" : "",
                        placed ? path : "", placed ? "`" : "",
                        told ? "They are run with `"
                             : "Find out how they are run (README, Makefile, package.json, "
                               "pyproject.toml, Cargo.toml, CI files): file_list, then file_read.",
                        told ? command : "", told ? "`." : "");
}

static const struct prompt_arg fix_args[] = {
    { .name = "command", .title = "Command", .description = "How the tests are run" },
    { .name = "path", .title = "Project", .description = "Its directory; default the workspace" },
    { .name = NULL },
};

static int fix_complete(struct tool_call *call, const char *argument, const char *value,
                        const struct arg_map *known UNUSED, struct completion *out, struct err *err)
{
    static const char *const commands[] = { "cargo test",
                                            "ctest --output-on-failure",
                                            "go test ./...",
                                            "make check",
                                            "make test",
                                            "mvn -q test",
                                            "npm test",
                                            "pytest -q",
                                            "python3 -m unittest",
                                            NULL };

    if (!strcmp(argument, "command"))
        return complete_choices(out, commands, value, err);
    return resources_complete_path(call, NULL, value, out, err);
}

const struct prompt_def tools_prompts[] = {
    {
        .name = "explore-data",
        .title = "Explore data",
        .description = "Find out what is in a data file or directory of the sandbox: format, "
                       "quality, distributions, findings",
        .tools = "file_list file_read code_execute file_write",
        .args = explore_args,
        .get = explore_data,
        .complete = explore_complete,
    },
    {
        .name = "fix-tests",
        .title = "Fix failing tests",
        .description = "Run a project's tests in the sandbox, find the causes of failures and "
                       "repair the code",
        .tools = "terminal_execute terminal_output file_list file_read file_search file_replace "
                 "sandbox_info",
        .args = fix_args,
        .get = fix_tests,
        .complete = fix_complete,
    },
    { .name = NULL },
};
