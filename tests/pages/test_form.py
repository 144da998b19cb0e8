"""browser_fill_form: fields of every kind, what stops it, and submitting."""

import pytest

PAGE = """<title>Form</title><form id=f onsubmit="event.preventDefault();
out.textContent=JSON.stringify(Object.fromEntries(new FormData(f)))">
<label>Name <input name=name id=name></label><textarea name=about id=about></textarea>
<div id=rich contenteditable style="min-height:1em">rich</div>
<select name=colour id=colour><option value=r>Red<option value=g>Green</select>
<label><input type=checkbox name=agree id=agree> I agree</label>
<input type=radio name=size value=s id=small><input type=radio name=size value=l id=large>
<input type=date name=day id=day><input type=time name=at id=at><input type=range name=much id=much>
<input type=color name=paint id=paint><input type=file id=file><input type=number name=n id=n>
<input type=password name=secret id=secret><input name=short id=short maxlength=3>
<input type=hidden id=hid name=hid><button id=send>Send</button></form><p id=out></p>"""


@pytest.fixture
def page(web, site):
    web("browser_navigate", url=site.add("/", PAGE))
    return web


def fields(**values):
    return [{"target": "#" + name, "value": value} for name, value in values.items()]


def value(web, script):
    return web.text("browser_evaluate", script=script).split("\n")[2]


def test_every_kind_of_field(page):
    told = page.text("browser_fill_form", submit="#send", fields=fields(
        name="Ann", about="two\nlines", rich="bold", colour="Green", agree="true", large="true",
        day="2026-11-21", at="10:30", much="70", paint="#ff0000", n="42", secret="hush"))
    assert "filled 12 of 12" in told and "clicked" in told and "hush" not in told
    assert value(page, "out.textContent").replace("\\", "") == (
        '"{"name":"Ann","about":"twonlines","colour":"g","agree":"on","size":"l",'
        '"day":"2026-11-21","at":"10:30","much":"70","paint":"#ff0000","n":"42","secret":"hush",'
        '"short":"","hid":""}"')
    assert value(page, "rich.innerText") == '"bold"'


def test_a_list_takes_a_value_too(page):
    page("browser_fill_form", fields=fields(colour="g"))
    assert value(page, "colour.value") == '"g"'


def test_a_label_stands_for_its_field(page):
    page("browser_fill_form", fields=[{"target": "text=Name", "value": "Bob"},
                                      {"target": "text=I agree", "value": "true"}])
    assert value(page, "[document.querySelector('#name').value, agree.checked]") == '["Bob",true]'


def test_a_box_that_is_so_already_is_left(page):
    assert "left as it was" in page.text("browser_fill_form", fields=fields(agree="false"))
    page("browser_fill_form", fields=fields(agree="true"))
    assert "unchecked" in page.text("browser_fill_form", fields=fields(agree="no"))
    assert value(page, "agree.checked") == "false"


def test_what_the_field_made_of_it_is_told(page):
    page("browser_evaluate", script="short.oninput=()=>short.value=short.value.toUpperCase()[0]")
    assert 'now holds "A"' in page.text("browser_fill_form", fields=fields(short="abc"))


@pytest.mark.parametrize("name, text, why", [
    ("colour", "Blue", "Red"), ("agree", "maybe", "true or false"), ("file", "/x", "browser_upload"),
    ("send", "x", "browser_click"), ("hid", "x", "hidden"), ("out", "x", "takes no value"),
    ("day", "soon", "YYYY-MM-DD"), ("none", "x", "not_found")])
def test_it_stops_at_the_first_that_fails(page, name, text, why):
    told = page.fails("browser_fill_form",
                      fields=fields(name="Ann") + fields(**{name: text}) + fields(about="never"))
    assert "field 1 is filled; field 2, #" + name in told and why in told
    assert value(page, "[document.querySelector('#name').value, about.value]") == '["Ann",""]'


def test_a_failure_of_the_first_and_of_submit(page):
    assert "nothing is filled; field 1" in page.fails(
        "browser_fill_form", fields=fields(none="x"))
    assert "all fields are filled; submit" in page.fails(
        "browser_fill_form", fields=fields(name="x"), submit="#nothing")


def test_a_dialog_in_between_stops_it(page):
    page("browser_evaluate", script="agree.onchange = () => { confirm('sure?') }; 1")
    told = page.text("browser_fill_form", fields=fields(agree="true", about="never"), submit="#send")
    assert "filled 1 of 2" in told and "did not submit" in told and "browser_dialog" in told
    page("browser_dialog", action="accept")
    assert value(page, "about.value") == '""'


def test_a_snapshot_follows(page):
    assert "I agree" in page.text("browser_fill_form", fields=fields(name="x"), snapshot=True)


@pytest.mark.parametrize("arguments, why", [
    ({}, "fields"), ({"fields": []}, "fields"), ({"fields": [{"target": "#name"}]}, "value"),
    ({"fields": [{"target": "#name", "value": "x", "type": "text"}]}, "type"),
    ({"fields": "name=x"}, "fields"), ({"fields": fields(name="x") * 65}, "fields"),
    ({"fields": fields(name="x"), "page_id": "page_0"}, "page_0")])
def test_bad_input(page, arguments, why):
    assert why in page.fails("browser_fill_form", **arguments)


def test_fields_are_named_also_before_a_snapshot(web, site):
    web("browser_navigate", url=site.add(
        "/", "<label>Size <select id=s><option>Small<option>Large</select></label>"
             "<label><input type=checkbox id=c checked> Keep me</label>"))
    fields = [{"target": "#s", "value": "Large"}, {"target": "#c", "value": "true"}]
    told = web.text("browser_fill_form", fields=fields)
    assert '1. chose in <select> "Size"' in told and '2. left as it was: <input> "Keep me"' in told
    web("browser_snapshot")
    told = web.text("browser_fill_form", fields=fields)
    assert '1. chose in combobox "Size"' in told
    assert '2. left as it was: checkbox "Keep me"' in told
