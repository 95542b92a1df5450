import type { Process, Spec } from '@gantry/oci';
import { dockerLikeSpec } from '../testing/container';
import { Box, describeContainers } from '../testing/harness';

describeContainers('an exec process', () => {
  let box: Box;
  let spec: Spec;
  let pid: number;
  beforeEach(async () => {
    box = new Box();
    spec = dockerLikeSpec(['sleep', '60']);
    const launched = await box.launch(spec);
    pid = await launched.created;
    await launched.started;
  });
  afterEach(() => box.close());

  const process = (args: string[], more: Partial<Process> = {}): Process => ({
    user: { uid: 0, gid: 0 },
    cwd: '/',
    env: ['PATH=/bin'],
    args,
    ...more,
  });

  test('joins every namespace, every cgroup and the limits of rights', async () => {
    const { stdout, code } = await box.exec(
      process([
        'sh',
        '-c',
        'hostname; ps | grep -c "[s]leep 60"; cut -d: -f3 /proc/self/cgroup | sort -u; grep -E "^(CapBnd|CapInh|Seccomp):" /proc/self/status; ls /sys/class/net; exit 3',
      ]),
      pid,
      spec,
    ).done;
    expect(stdout).toBe('box\n1\n/\nCapInh:\t0000000000000000\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\nlo\n');
    expect(code).toBe(3);
  });

  test('has a terminal', async () => {
    const { stdout } = await box.exec(process(['tty'], { terminal: true }), pid, spec).done;
    expect(stdout).toBe('/dev/pts/0\n');
  });

  test.each([
    [['nope'], {}, 'error no_program exec: "nope": executable file not found in $PATH', 127],
    [['true'], { cwd: '/nowhere' }, 'error not_found chdir to cwd ("/nowhere") set in config.json failed: no such file or directory', 127],
  ])('that cannot run tells why: %j', async (args, more, line, code) => {
    const outcome = await box.exec(process(args, more), pid, spec).done;
    expect(outcome.lines).toEqual([line]);
    expect(outcome.code).toBe(code);
  });

  test('is refused when the pid now is another process', async () => {
    const { compileExec } = await import('./exec');
    const { launchPlan } = await import('../testing/container');
    const { plan } = compileExec(process(['true']), { pid, startTime: 1n, spec }, { id: box.id });
    expect((await launchPlan(plan, { mode: 'runc-exec' }).done).lines[0]).toMatch(
      /^error internal the container's init \d+: no such process$/,
    );
  });

  test('with more capabilities does not make them inheritable (CVE-2022-29162)', async () => {
    const caps = ['CAP_NET_ADMIN'];
    const { stdout } = await box.exec(
      process(['grep', '-E', '^Cap(Inh|Eff)', '/proc/self/status'], { capabilities: { bounding: caps, effective: caps, permitted: caps } }),
      pid,
      spec,
    ).done;
    expect(stdout).toBe('CapInh:\t0000000000000000\nCapEff:\t0000000000001000\n');
  });
});

describeContainers('an exec process of a container with a user namespace', () => {
  test('joins it', async () => {
    const box = new Box();
    try {
      const spec = dockerLikeSpec(['sleep', '60']);
      spec.linux!.namespaces!.push({ type: 'user' });
      spec.linux!.uidMappings = spec.linux!.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
      const launched = await box.launch(spec);
      const pid = await launched.created;
      await launched.started;
      const { stdout, lines } = await box.exec(
        {
          user: { uid: 5, gid: 6, additionalGids: [7] },
          cwd: '/',
          env: ['PATH=/bin'],
          args: ['sh', '-c', 'id; tr -s " " < /proc/self/uid_map'],
        },
        pid,
        spec,
      ).done;
      expect([stdout, lines.at(-1)]).toEqual(['uid=5 gid=6 groups=7\n 0 100000 65536\n', 'exited 0']);
    } finally {
      await box.close();
    }
  });
});
