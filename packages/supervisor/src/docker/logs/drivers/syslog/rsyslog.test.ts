import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { udpPeer, until } from '../../testing/peers';
import { message, target } from '../../testing/targets';
import { drivers } from '../table';

const { forwarding } = drivers.syslog;
const live = new AbortController().signal;

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore', env: { PATH: `${process.env['PATH']}:/usr/sbin` } });
    return true;
  } catch {
    return false;
  }
}

const real = has('rsyslogd') ? describe : describe.skip;

real('Debian’s rsyslogd [rsyslogd]', () => {
  let folder: string;
  let daemon: ChildProcess;
  let ports: number[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-rsyslog-'));
    ports = [];
    for (let count = 0; count < 2; count++) {
      const free = await udpPeer();
      ports.push(free.port);
      await free.close();
    }
    const config = join(folder, 'conf');
    writeFileSync(
      config,
      [
        `global(workDirectory="${folder}")`,
        'module(load="imuxsock" SysSock.Use="off") module(load="imudp") module(load="imtcp")',
        `input(type="imuxsock" Socket="${join(folder, 'gram')}" CreatePath="on")`,
        `input(type="imudp" address="127.0.0.1" port="${ports[0]}")`,
        `input(type="imtcp" address="127.0.0.1" port="${ports[1]}")`,
        'template(name="t" type="string" string="%syslogfacility-text% %syslogseverity-text% %programname% %timereported:::date-rfc3339%%msg%\\n")',
        `action(type="omfile" file="${join(folder, 'out')}" template="t")`,
      ].join('\n'),
    );
    daemon = spawn('rsyslogd', ['-n', '-f', config, '-i', join(folder, 'pid')], { stdio: 'ignore' });
    await until('rsyslogd', () => existsSync(join(folder, 'gram')));
    await new Promise((resolve) => setTimeout(resolve, 300)); // its ports follow
  });
  afterEach(async () => {
    const ended = once(daemon, 'exit');
    daemon.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  const out = (): string[] => (existsSync(join(folder, 'out')) ? readFileSync(join(folder, 'out'), 'utf8').split('\n').slice(0, -1) : []);

  test.each<[string, string, () => string]>([
    ['unixgram', '', () => `unixgram://${join(folder, 'gram')}`],
    ['udp', 'rfc3164', () => `udp://127.0.0.1:${ports[0]}`],
    ['udp', 'rfc5424micro', () => `udp://127.0.0.1:${ports[0]}`],
    ['tcp', 'rfc5424', () => `tcp://127.0.0.1:${ports[1]}`],
  ])('understands %s in the form "%s"', async (_scheme, format, address) => {
    const options = { 'syslog-address': address(), 'syslog-format': format, 'syslog-facility': 'local3' };
    const sink = await forwarding?.connect(target('syslog', options), live);
    await sink?.send(
      Array.from({ length: 50 }, (_, index) => message(`line ${index}`, index % 2 === 0 ? {} : { stream: 'stderr' })),
      live,
    );
    await sink?.close();
    await until('all lines', () => out().length === 50);
    expect(out().every((line, index) => line.startsWith(`local3 ${index % 2 === 0 ? 'info' : 'err'} cccccccccccc 20`))).toBe(true);
    expect(out().map((line) => /line (\d+)$/.exec(line)?.[1])).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
  });
});
