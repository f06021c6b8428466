"""In a notebook a wrong folder or value is one sentence, and the cell still fails."""

from jupyter_client.manager import start_new_kernel


def test_an_input_error_is_one_line_and_another_error_is_not():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        shown = []

        def run(code):
            shown.clear()
            reply = client.execute_interactive(code, timeout=120, output_hook=shown.append, stop_on_error=False)
            return reply["content"], [m["content"] for m in shown if m["msg_type"] == "error"]

        assert run("import bgnb\nfrom bgnb.lessons import notebook\nnotebook.start()")[0]["status"] == "ok"
        reply, (error,) = run("bgnb.load('no such folder')")
        assert reply["status"] == "error" and error["ename"] == "InputError"
        (line,) = error["traceback"]
        assert "This does not work: " in line and "no such folder" in line and "Traceback" not in line and "\n" not in line
        reply, (error,) = run("1 / 0")
        assert len("\n".join(error["traceback"]).splitlines()) > 1  # a mistake in the student's own code shows where it is
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
