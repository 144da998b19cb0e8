# One cell: parsed, evaluated expression by expression in the global environment.

state <- new.env(parent = emptyenv())
state$count <- 0L
state$pid <- Sys.getpid()
MAX_LISTED <- 2000L
MAX_FILES <- 200L
NOWHERE <- .Machine$integer.max # no expression of the cell is evaluated
HANDLING <- c(".handleSimpleError", "h", "stop", "signalCondition")

failure <- function(name, value, traceback = NULL) {
    if (is.null(traceback)) traceback <- paste0(name, ": ", value, "\n")
    list(name = shorten(name, 200L), value = shorten(value, MAX_VALUE),
         traceback = shorten(traceback, MAX_TRACE))
}

exit_condition <- function(status) {
    structure(class = c("cell_exit", "condition"),
              list(message = "exit", call = NULL, status = status))
}

offered <- list(
    display = display,
    quit = function(save = "default", status = 0, runLast = TRUE)
        stop(exit_condition(as.integer(status))),
    readline = function(prompt = "")
        stop("stdin is not connected; pass values in code", call. = FALSE)
)
offered$q <- offered$quit

call_text <- function(call) {
    text <- tryCatch(deparse(call, width.cutoff = 60L, nlines = 2L), error = function(e) "<call>")
    text <- if (length(text) > 1L) paste(text[1L], "...") else text
    ref <- attr(call, "srcref")
    if (is.null(ref)) return(text)
    file <- attr(ref, "srcfile")$filename
    paste0(text, " at ", if (is.null(file)) "" else basename(file), ":", ref[1L])
}

# The calls between the runner's own frames and the handler; `base` of them are the runner's.
frames <- function(calls, base) {
    calls <- calls[seq_along(calls) > base]
    inner <- vapply(calls, function(call) {
        name <- call[[1L]]
        is.name(name) && as.character(name) %in% HANDLING
    }, NA)
    calls <- calls[!inner]
    if (length(calls) > 40L) calls <- c(utils::head(calls, 20L), utils::tail(calls, 20L))
    vapply(calls, call_text, "")
}

where_of <- function(condition) {
    call <- conditionCall(condition)
    if (is.null(call) || identical(call[[1L]], quote(eval))) "" else paste0(" in ", call_text(call))
}

describe <- function(condition, calls, base) {
    name <- sub("^simpleError$", "Error", class(condition)[1L])
    value <- tryCatch(paste(conditionMessage(condition), collapse = "\n"),
                      error = function(e) "<a message that cannot be shown>")
    where <- where_of(condition)
    if (base == NOWHERE) where <- ""
    lines <- tryCatch(frames(calls, base), error = function(e) character())
    trace <- paste0(name, where, ": ", value, "\n")
    if (length(lines)) trace <- paste0("Calls, outermost first:\n",
                                       paste0("  ", lines, "\n", collapse = ""), trace)
    failure(name, value, trace)
}

tell_warning <- function(condition) {
    if (getOption("warn") < 0L || getOption("warn") >= 2L) return(invisible())
    cat("Warning", where_of(condition), ": ", conditionMessage(condition), "\n", sep = "", file = stderr())
    tryInvokeRestart("muffleWarning")
}

show_value <- function(value) {
    text <- print_text(value)
    if (nzchar(text)) text else NULL
}

evaluate <- function(code, name) {
    lines <- strsplit(code, "\n", fixed = TRUE)[[1L]]
    parsed <- parse(text = lines, keep.source = TRUE, srcfile = srcfilecopy(name, lines))
    text <- NULL
    for (i in seq_along(parsed)) {
        state$base <- sys.nframe() + 3L # withVisible, eval, eval
        out <- withVisible(eval(parsed[i], globalenv()))
        if (!out$visible) next
        if (i < length(parsed)) withVisible(eval(call("print", quote(out$value)))) else
            text <- show_value(out$value)
    }
    text
}

guarded <- function(outcome, fn) {
    tryCatch(
        withCallingHandlers(
            fn(),
            error = function(e) {
                if (is.null(outcome$error))
                    outcome$error <- describe(e, utils::head(sys.calls(), -1L), state$base)
            },
            warning = tell_warning),
        cell_exit = function(e) {
            if (e$status) outcome$error <- failure("SystemExit", as.character(e$status))
            NULL
        },
        error = function(e) {
            if (is.null(outcome$error)) outcome$error <- describe(e, list(), 0L)
            NULL
        },
        interrupt = function(e) {
            outcome$error <- failure("KeyboardInterrupt", "the cell was interrupted")
            NULL
        })
}

listing <- function() {
    found <- list.files(all.files = TRUE, no.. = TRUE)
    if (length(found) > MAX_LISTED) NULL else found
}

created <- function(before, dir) {
    if (is.null(before) || dir != getwd() || startsWith(dir, "/tmp")) return(NULL)
    fresh <- setdiff(listing(), before)
    fresh <- fresh[utils::file_test("-f", fresh)]
    if (!length(fresh)) return(NULL)
    as.list(file.path(sub("/$", "", dir), utils::head(fresh, MAX_FILES)))
}

with_env <- function(env, fn) {
    if (!length(env)) return(fn())
    saved <- Sys.getenv(names(env), NA)
    on.exit({
        unset <- names(env)[is.na(saved)]
        if (length(unset)) Sys.unsetenv(unset)
        if (any(!is.na(saved))) do.call(Sys.setenv, as.list(saved[!is.na(saved)]))
    })
    do.call(Sys.setenv, env)
    fn()
}

repair <- function() {
    while (sink.number() > 0L) sink()
    if (sink.number("message") != 2L) sink(type = "message")
    options(device = open_device)
    if (!OFFERED %in% search()) offer()
}

run_cell <- function(code, cwd, env) {
    outcome <- new.env(parent = emptyenv())
    state$count <- state$count + 1L
    state$base <- NOWHERE
    begin_results()
    name <- sprintf("<cell %d>", state$count)
    guarded(outcome, function() {
        if (!is.null(cwd)) setwd(cwd)
        dir <- getwd()
        before <- listing()
        outcome$text <- with_env(env, function() guarded(outcome, function() evaluate(code, name)))
        outcome$files <- created(before, dir)
    })
    guarded(outcome, function() repair())
    guarded(outcome, function() collect_pages())
    outcome
}
