/*
 * What the tools of code share.
 */
#ifndef TOOLS_CODE_SHOW_H
#define TOOLS_CODE_SHOW_H

#include "tools/tools.h"

/* Of a `language` parameter; all of them list the same ones in the same order. NULL: none given. */
const char *code_language_name(int choice);

#endif
