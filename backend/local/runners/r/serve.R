# Requests in, responses out.

OFFERED <- "sandbox"

offer <- function() {
    attach(offered, name = OFFERED, warn.conflicts = FALSE)
}

bad_request <- function(request) {
    id <- request[["id"]]
    text <- function(x) is.character(x) && length(x) == 1L
    if (!(is.numeric(id) || text(id)) || !text(request[["token"]]))
        return("a request is an object with id, token, op and code")
    if (!identical(request[["op"]], "exec")) return("unknown op; known: exec")
    if (!text(request[["code"]])) return("code must be a string")
    if (!is.null(request[["cwd"]]) && !text(request[["cwd"]])) return("cwd must be a string")
    env <- request[["env"]]
    if (!is.null(env) && !(is.list(env) && all(vapply(env, text, NA))))
        return("env must be a map of strings")
    NULL
}

response <- function(request, outcome) {
    text <- outcome$text
    head <- list(id = request[["id"]], token = request[["token"]],
                 status = if (is.null(outcome$error)) "ok" else "error")
    if (!is.null(text) && nchar(text) > MAX_TEXT) {
        text <- substr(text, 1L, MAX_TEXT)
        head$text_truncated <- TRUE
    }
    if (shown$dropped) head$results_dropped <- shown$dropped
    if (!is.null(outcome$files)) head$files <- outcome$files
    head["text"] <- list(if (is.null(outcome$error)) text)
    head["error"] <- list(outcome$error)
    head$execution_count <- state$count
    head$results <- shown$items
    for (key in c("id", "token")) if (is.null(head[[key]])) head[key] <- list(NULL)
    encode(head)
}

fault <- function(name, value) list(error = failure(name, value))

answer <- function(line) {
    begin_results()
    request <- tryCatch(decode(line), error = function(e) NULL)
    if (!is.list(request)) return(response(list(), fault("BadRequest", "the line is not JSON")))
    wrong <- bad_request(request)
    known <- Filter(function(x) (is.numeric(x) || is.character(x)) && length(x) == 1L,
                    request[c("id", "token")])
    if (!is.null(wrong)) return(response(known, fault("BadRequest", wrong)))
    response(known, run_cell(request$code, request$cwd, request$env))
}

# Lines of the request pipe. A SIGINT between cells stays without effect.

input <- new.env(parent = emptyenv())
input$parts <- list() # of the line that is not whole yet
input$size <- 0
input$rest <- raw()

add_part <- function(bytes) {
    input$size <- input$size + length(bytes)
    if (input$size > MAX_LINE) input$parts <- list() else
        input$parts[[length(input$parts) + 1L]] <- bytes
}

# The bytes of a line; NA when it was too long, NULL at the end.
read_line <- function() {
    repeat {
        ends <- which(input$rest == as.raw(10L))
        if (length(ends)) {
            add_part(input$rest[seq_len(ends[1L] - 1L)])
            input$rest <- input$rest[-seq_len(ends[1L])]
            line <- if (input$size > MAX_LINE) NA else do.call(c, input$parts)
            input$parts <- list()
            input$size <- 0
            return(line)
        }
        add_part(input$rest)
        input$rest <- readBin(input$from, "raw", 1048576L)
        if (!length(input$rest)) return(NULL)
    }
}

write_line <- function(text) writeBin(charToRaw(paste0(enc2utf8(text), "\n")), input$to)

serve_one <- function() {
    line <- read_line()
    if (Sys.getpid() != state$pid) tools::pskill(Sys.getpid(), 9L)
    if (is.null(line)) return(FALSE)
    if (identical(line, NA)) {
        begin_results()
        write_line(response(list(), fault("RequestTooLarge", "a request line may have 8 MiB")))
    } else if (length(line)) {
        tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = function(e) NULL)
        text <- rawToChar(line[line != 0L])
        Encoding(text) <- "UTF-8"
        reply <- tryCatch(
            allowInterrupts(answer(text)),
            interrupt = function(e)
                response(known_of(text), fault("KeyboardInterrupt", "the cell was interrupted")),
            error = function(e) {
                begin_results()
                response(known_of(text),
                         fault("InternalError", paste("the runner failed:", conditionMessage(e))))
            })
        if (Sys.getpid() != state$pid) tools::pskill(Sys.getpid(), 9L)
        write_line(reply)
    }
    TRUE
}

known_of <- function(text) tryCatch(decode(text)[c("id", "token")], error = function(e) list())

main <- function() {
    ends <- utils::tail(commandArgs(), 2L)
    input$from <- fifo(paste0("/dev/fd/", ends[1L]), "rb", TRUE)
    input$to <- fifo(paste0("/dev/fd/", ends[2L]), "wb", TRUE)
    for (locale in c("", "C.UTF-8", "en_US.UTF-8"))
        if (!l10n_info()[["UTF-8"]]) suppressWarnings(Sys.setlocale("LC_CTYPE", locale))
    begin_results()
    shown$page_set <- 0L
    options(warn = 1L, device = open_device, keep.source = TRUE, width = 100L,
            menu.graphics = FALSE)
    offer()
    version <- paste(R.version$major, R.version$minor, sep = ".")
    write_line(encode(list(hello = 1L, language = "r", version = version, engine = "plain")))
    going <- TRUE
    while (going)
        tryCatch(suspendInterrupts(going <- serve_one()), interrupt = function(e) NULL)
    base::quit("no", 0L, TRUE)
}
