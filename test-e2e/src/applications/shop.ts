import { type Application, line, shell } from './application';

const COMPOSE = `name: shop
services:
  db:
    build: ./db
    environment:
      PASSWORD_FILE: /run/secrets/password
    secrets: [password]
    volumes: ["data:/data"]
    shm_size: 128m
    stop_signal: SIGINT
    networks: [back]
    healthcheck: &often
      test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1"]
      interval: 1s
      timeout: 20s
      retries: 90
  cache:
    image: debian-apps
    command: ["redis-server", "/etc/cache.conf"]
    configs: [{source: cache, target: /etc/cache.conf}]
    networks: [back]
    healthcheck:
      <<: *often
      test: ["CMD", "redis-cli", "ping"]
  migrate:
    extends: {service: db-client, file: client.yaml}
    command: ["psql", "-q", "-c", "CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, thing text)"]
    networks: [back]
    secrets: [password]
    depends_on:
      db: {condition: service_healthy}
  api:
    build:
      context: ./api
      args: {GREETING: shop}
    init: true
    secrets: [password]
    networks: [front, back]
    depends_on:
      cache: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
    healthcheck:
      <<: *often
      test: ["CMD", "python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"]
  worker:
    extends: {service: db-client, file: client.yaml}
    command: ["sh", "/worker.sh"]
    configs: [{source: worker, target: /worker.sh}]
    networks: [back]
    secrets: [password]
    stop_grace_period: 1s
    depends_on:
      cache: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
  web:
    image: debian-apps
    command: ["nginx", "-c", "/etc/web.conf", "-g", "daemon off;"]
    configs: [{source: web, target: /etc/web.conf}]
    ports: ["127.0.0.1:8080:80"]
    networks: [front]
    depends_on:
      api: {condition: service_healthy}
  admin:
    profiles: [tools]
    extends: {service: db-client, file: client.yaml}
    command: ["psql", "-Atc", "SELECT count(*) FROM orders"]
    networks: [back]
    secrets: [password]
networks:
  front: {}
  back: {internal: true}
volumes:
  data: {}
secrets:
  password: {file: ./password.txt}
configs:
  cache:
    content: |
      bind 0.0.0.0
      protected-mode no
      save ""
      dir /tmp
  web: {file: ./web.conf}
  worker: {file: ./worker.sh}
`;

const CLIENT = `services:
  db-client:
    image: debian-apps
    environment: {PGHOST: db, PGUSER: postgres, PATH: "/usr/lib/postgresql/15/bin:/usr/bin:/bin"}
`;

const DB = `FROM debian-apps
RUN echo postgres:x:70:70::/data:/bin/sh >> /etc/passwd && echo postgres:x:70: >> /etc/group \\
  && install -d -o postgres -g postgres -m 0700 /data && install -d -o postgres -g postgres /var/run/postgresql
ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin PGDATA=/data
COPY --chmod=755 entrypoint.sh /entrypoint.sh
USER postgres
ENTRYPOINT ["/entrypoint.sh"]
CMD ["postgres", "-c", "listen_addresses=*"]
`;

const ENTRYPOINT = `#!/bin/sh
set -eu
test -n "$(cat "$PASSWORD_FILE")"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --auth=trust --locale=C.UTF-8 --encoding=UTF8 > /dev/null
  echo 'host all all all trust' >> "$PGDATA/pg_hba.conf"
fi
exec "$@"
`;

const API = `FROM debian-apps
ARG GREETING
ENV GREETING=$GREETING PYTHONUNBUFFERED=1 PGHOST=db PGUSER=postgres PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin
COPY server.py /server.py
CMD ["python3", "/server.py"]
`;

const SERVER = `import os
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Shop(BaseHTTPRequestHandler):
    def answer(self, text):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        if self.path == '/orders':
            return self.answer(run('psql', '-Atc', 'SELECT thing FROM orders ORDER BY thing'))
        self.answer(f"{os.environ['GREETING']} {open('/run/secrets/password').read().strip()}\\n")

    def do_POST(self):
        thing = self.rfile.read(int(self.headers['Content-Length'])).decode()
        run('redis-cli', '-h', 'cache', 'RPUSH', 'orders', thing)
        self.answer('queued\\n')

    def log_message(self, *_):
        pass


print('serving')
ThreadingHTTPServer(('', 8000), Shop).serve_forever()
`;

const WEB = `worker_processes 1;
error_log /dev/stderr;
pid /tmp/nginx.pid;
events { worker_connections 64; }
http {
  access_log /dev/stdout;
  server {
    listen 80;
    location / { proxy_pass http://api:8000; }
  }
}
`;

const WORKER = `echo working
while :; do
  thing=$(redis-cli -h cache BLPOP orders 1 | tail -n 1)
  [ -z "$thing" ] || psql -qc "INSERT INTO orders (thing) VALUES ('$thing')"
done
`;

const ordered = 'until [ "$(curl -s http://127.0.0.1:8080/orders | wc -l)" = ';

export const shop: Application = {
  name: 'a shop of six services',
  files: {
    'compose.yaml': COMPOSE,
    'client.yaml': CLIENT,
    'password.txt': 'secret\n',
    'web.conf': WEB,
    'worker.sh': WORKER,
    'db/Dockerfile': DB,
    'db/entrypoint.sh': ENTRYPOINT,
    'api/Dockerfile': API,
    'api/server.py': SERVER,
  },
  steps: [
    line('version', 'code'),
    line('config --services', 'set'),
    line('config --profiles'),
    line('config --volumes'),
    line('config -q'),
    line('--progress plain build', 'code'),
    line('--progress plain create', 'set'),
    line('ps -a --format {{.Service}}\u00a0{{.State}}', 'set'),
    line('--progress plain up -d --wait', 'set'),
    line('ps -a --format {{.Service}}\u00a0{{.State}}\u00a0{{.Health}}\u00a0{{.ExitCode}}', 'set'),
    line('ls --format json'),
    line('volumes --format {{.Name}}\u00a0{{.Driver}}'),
    line('port web 80'),
    line('port web 81'),
    shell('curl -s http://127.0.0.1:8080/'),
    shell(
      `for thing in hat shoe; do curl -s -d $thing http://127.0.0.1:8080/order; done; ${ordered}2 ]; do sleep 0.1; done; curl -s http://127.0.0.1:8080/orders`,
    ),
    line('exec -T db cat /run/secrets/password'),
    line('exec -T -e A=b -w /tmp -u 70 db sh -c echo\u00a0$A\u00a0$(pwd)\u00a0$(id\u00a0-u)'),
    line('exec -T nobody true'),
    line('exec -T db false'),
    line('run --rm -T --no-deps admin', 'all'),
    line('--profile tools --progress plain up --no-log-prefix admin', 'set'),
    line('logs --no-log-prefix --no-color worker'),
    line('logs --no-color --tail 1 api'),
    line('top cache', 'code'),
    line('images --format json', 'code'),
    line('stats --no-stream --format {{.Name}}', 'set'),
    line('--progress plain scale worker=3', 'set'),
    line('ps worker --format {{.Name}}\u00a0{{.State}}', 'set'),
    line('--progress plain up -d --scale worker=1', 'set'),
    line('--progress plain pause cache'),
    line('ps cache --format {{.State}}'),
    line('--progress plain unpause cache'),
    shell(
      'echo copied > file.txt; compose cp file.txt api:/tmp/ && compose exec -T api cat /tmp/file.txt && compose cp api:/tmp/file.txt back.txt && cat back.txt',
    ),
    line('export -o api.tar api'),
    shell('tar -tf api.tar server.py tmp/file.txt'),
    line('commit -m saved api shop-saved', 'code'),
    shell('docker run --rm shop-saved cat /tmp/file.txt'),
    line('--progress plain restart worker', 'set'),
    line('--progress plain kill -s KILL worker', 'set'),
    line('ps -a worker --format {{.State}}\u00a0{{.ExitCode}}'),
    line('--progress plain start worker', 'set'),
    line('--progress plain stop -t 1', 'set'),
    line('ps -a --format {{.Service}}\u00a0{{.State}}', 'set'),
    line('--progress plain start', 'set'),
    shell('until curl -sf http://127.0.0.1:8080/orders; do sleep 0.1; done'),
    line('--progress plain stop -t 1 worker', 'set'),
    line('--progress plain rm -f worker', 'set'),
    line('--progress plain up -d --no-recreate', 'set'),
    line('--progress plain up -d --force-recreate --no-deps web', 'set'),
    shell('until curl -sf http://127.0.0.1:8080/; do sleep 0.1; done'),
    line('--progress plain down -v --rmi local -t 1', 'set'),
    shell(
      'docker ps -aq; docker network ls -q --filter label=com.docker.compose.project; docker volume ls -q --filter label=com.docker.compose.project',
    ),
    line('--profile tools --progress plain down --remove-orphans', 'set'),
    shell('docker ps -aq --filter label=com.docker.compose.project'),
  ],
};
