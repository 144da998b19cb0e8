"""Twenty tasks, each a function of a peer (mcp_peer.py) that returns what the page says at the end:
the same of every server, if they do the same."""

import re


def title(peer):
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', peer.run("document.title").replace("```json", ""))
    return found[0] if found else None


def press_a_button(p):
    p.goto(p.base + "button.html")
    p.look()
    p.click(p.ref("button", "Go"))
    return title(p)


def sign_in(p):
    p.goto(p.base + "form.html")
    p.look()
    p.fill([(p.ref("textbox", "User"), "textbox", "anna"),
            (p.ref("textbox", "Password"), "textbox", "s3cret"),
            (p.ref("checkbox", "Keep me"), "checkbox", True)])
    p.click(p.ref("button", "Sign in"))
    return title(p)


def choose_an_option(p):
    p.goto(p.base + "form.html")
    p.look()
    p.select(p.ref("combobox", "Plan"), "Team")
    p.click(p.ref("button", "Sign in"))
    return title(p)


def tick_one_of_many(p):
    p.goto(p.base + "big.html")
    p.find("Box 3.7")
    p.click(p.ref("checkbox", "Box 3.7"))
    return p.run("String(document.querySelectorAll(':checked').length)").count('"1"')


def follow_an_app_link(p):
    p.goto(p.base + "spa.html")
    p.look()
    p.click(p.ref("link", "About"))
    p.wait("About us")
    return title(p)


def inside_a_frame(p):
    p.goto(p.base + "frame.html")
    p.look()
    p.click(p.ref("button", "Inside"))
    return title(p)


def inside_a_shadow(p):
    p.goto(p.base + "shadow.html")
    p.look()
    p.click(p.ref("button", "Deep"))
    return title(p)


def confirm_a_dialog(p):
    p.goto(p.base + "dialog.html")
    p.look()
    p.click(p.ref("button", "Delete"))
    p.accept()
    return title(p)


def read_a_popup(p):
    p.goto(p.base + "popup.html")
    p.look()
    p.click(p.ref("button", "Open"))
    p.newest_tab()
    return title(p)


def open_a_hover_menu(p):
    p.goto(p.base + "menu.html")
    p.look()
    p.hover(p.ref("button", "File"))
    p.look()
    p.click(p.ref("button", "Save"))
    return title(p)


def edit_by_keys(p):
    p.goto(p.base + "keys.html")
    p.look()
    p.click(p.ref("textbox", "Text"))
    p.press("Control+a")
    p.press("x")
    return p.run("document.title = document.getElementById('t').value").count('"x"')


def drag_and_drop(p):
    p.goto(p.base + "drag.html")
    p.look()
    p.drag(p.ref("button", "Card"), p.ref("button", "Bin"))
    return title(p)


def upload_a_file(p):
    p.goto(p.base + "upload.html")
    p.look()
    p.upload(p.ref("button", "File"), p.directory / "note.txt")
    return title(p)


def wait_for_late_text(p):
    p.goto(p.base + "late.html")
    p.wait("ready now")
    return title(p)


def scroll_for_more(p):
    p.goto(p.base + "endless.html")
    p.run("scrollTo(0, 1e6)")
    p.wait("Row 35")
    p.look()
    p.click(p.ref("button", "Row 35"))
    return title(p)


def read_an_article(p):
    p.goto(p.base + "article.html")
    return "box 17 holds many" in p.read()


def read_a_table(p):
    p.goto(p.base + "table.html")
    return "City 41" in (text := p.look()) and "41697" in text


def write_rich_text(p):
    p.goto(p.base + "rich.html")
    p.look()
    p.type(p.ref("textbox", "Note"), "hello there")
    return title(p)


def find_a_link(p):
    p.goto(p.base + "links.html")
    p.find("Entry number 237")
    p.click(p.ref("link", "Entry number 237"))
    return "?237" in p.run("location.search")


def buy_a_thing(p):
    p.goto(p.base + "shop.html")
    p.find("Buy 42")
    p.click(p.ref("button", "Buy 42"))
    return title(p)


TASKS = [press_a_button, sign_in, choose_an_option, tick_one_of_many, follow_an_app_link,
         inside_a_frame, inside_a_shadow, confirm_a_dialog, read_a_popup, open_a_hover_menu,
         edit_by_keys, drag_and_drop, upload_a_file, wait_for_late_text, scroll_for_more,
         read_an_article, read_a_table, write_rich_text, find_a_link, buy_a_thing]
