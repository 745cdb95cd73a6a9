"""Write the generated documents anew: `make docs-renew`."""

from documents.house import ROOT
from documents.pages import written
from kws.support.files import replacing

if __name__ == "__main__":
    for path, text in written().items():
        with replacing(path) as stream:
            stream.write(text.encode())
        print(path.relative_to(ROOT))
