/** How the script's one line of answer begins; anything else it prints is noise of the interpreter. */
export const ANSWER_PREFIX = "ims-render: ";

/**
 * Jinja2 itself, for no other language has all of it. Recipes come from people that nobody vouches for, so the
 * sandbox, and limits on memory, time and output. It is a string so that a bundle needs no file beside it.
 * Reads {variables, max_bytes, files: [{name, source, target}]} and answers {done} | {missing} | {name, line, error}.
 */
export const RENDER_SCRIPT = `
import json, resource, sys, traceback

def answer(**result):
    print("${ANSWER_PREFIX}" + json.dumps(result), flush=True)
    sys.exit(0)

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
try:
    from jinja2.exceptions import TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment
except ImportError as error:
    answer(missing=str(error))

request = json.load(sys.stdin.buffer)
environment = SandboxedEnvironment(keep_trailing_newline=True)

def line_of(error):
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "<template>"]
    return lines[-1] if lines else None

def render(file):
    with open(file["source"], "rb") as source:
        text = source.read().decode("utf-8")
    size = 0
    with open(file["target"], "xb") as target:
        for piece in environment.from_string(text).generate(request["variables"]):
            data = piece.encode("utf-8")
            size += len(data)
            if size > request["max_bytes"]:
                raise ValueError("it becomes larger than %d bytes" % request["max_bytes"])
            target.write(data)

for file in request["files"]:
    try:
        render(file)
    except UnicodeDecodeError:
        answer(name=file["name"], line=None, error="it is not UTF-8 text")
    except RecursionError:
        answer(name=file["name"], line=None, error="it nests too deep")
    except MemoryError:
        answer(name=file["name"], line=None, error="it needs more memory than allowed")
    except Exception as error:
        text = str(error) or type(error).__name__
        answer(name=file["name"], line=line_of(error), error=text[:500])
answer(done=True)
`;
