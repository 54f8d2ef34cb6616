# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of a test's own, by the openssl command."""

import subprocess


class Authority:
    """Signs certificates, all in one directory: NAME.pem and NAME.key."""

    KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        self.openssl(f"req -x509 {self.KEY} -keyout {name}.key -out {name}.pem -days 10 -subj /CN={name}")

    def sign(self, name, extension="", days=10):
        with open(f"{self.directory}/{name}.ext", "w") as file:
            file.write(extension)
        self.openssl(f"req {self.KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}")
        self.openssl(f"x509 -req -in {name}.csr -CA {self.name}.pem -CAkey {self.name}.key "
                     f"-CAcreateserial -out {name}.pem -days {days} -extfile {name}.ext")

    def revoke(self, *names):
        """Makes the list `crl` of those."""
        with open(f"{self.directory}/ca.cnf", "w") as file:
            file.write("[ca]\ndefault_ca = it\n[it]\ndatabase = index\ndefault_md = sha256\n")
        open(f"{self.directory}/index", "a").close()
        by = f"ca -config ca.cnf -cert {self.name}.pem -keyfile {self.name}.key"
        for name in names:
            self.openssl(f"{by} -revoke {name}.pem")
        self.openssl(f"{by} -gencrl -crldays 10 -out crl")

    def openssl(self, arguments):
        subprocess.run(["openssl", *arguments.split()], cwd=self.directory, check=True,
                       capture_output=True, timeout=60)
