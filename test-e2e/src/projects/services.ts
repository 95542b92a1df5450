import type { Project } from './project';

export const python: Project = {
  name: 'Python in a virtual environment of an earlier stage',
  base: 'debian-python',
  packages: ['python3-venv'],
  files: {
    'setup.py':
      "from setuptools import setup\nsetup(name='answer', version='1.0', py_modules=['answer'], entry_points={'console_scripts': ['answer=answer:main']})\n",
    'answer.py': `from http.server import BaseHTTPRequestHandler, HTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f'{self.path} of a venv\\n'.encode())


def main():
    HTTPServer(('', 80), Answer).serve_forever()
`,
    Dockerfile: `FROM debian-python AS build
RUN python3 -m venv /venv
COPY setup.py answer.py /src/
RUN --mount=type=cache,target=/root/.cache/pip /venv/bin/pip install --no-index --no-build-isolation /src
FROM debian-python
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
CMD ["answer"]
`,
  },
  answers: { '/x': '/x of a venv\n' },
};

export const postgres: Project = {
  name: 'Postgres with an init script',
  base: 'debian-postgres',
  packages: ['postgresql-15'],
  files: {
    'init/10-greetings.sql': "CREATE TABLE greetings (text text NOT NULL);\nINSERT INTO greetings VALUES ('hello of a script');\n",
    'entrypoint.sh': `#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --auth=trust --locale=C.UTF-8 --encoding=UTF8 > /dev/null
  for script in /init/*.sql; do postgres --single -j postgres < "$script" > /dev/null; done
fi
exec "$@"
`,
    Dockerfile: `FROM debian-postgres
RUN echo postgres:x:70:70::/var/lib/postgresql:/bin/sh >> /etc/passwd && echo postgres:x:70: >> /etc/group \\
  && install -d -o postgres -g postgres -m 0700 /data && install -d -o postgres -g postgres /var/run/postgresql
ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin PGDATA=/data
COPY --chmod=755 entrypoint.sh /entrypoint.sh
COPY init /init
USER postgres
VOLUME /data
HEALTHCHECK --interval=1s CMD pg_isready
ENTRYPOINT ["/entrypoint.sh"]
CMD ["postgres"]
`,
  },
  run: ['--shm-size=128m', '--tmpfs=/var/run/postgresql:uid=70,gid=70'],
  inside: { command: ['psql', '-At', '-c', 'SELECT text FROM greetings', 'postgres'], prints: 'hello of a script\n' },
};
