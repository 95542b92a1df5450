import { effectiveCapabilities } from './capabilities';
import { cgroupsPath } from './build';
import { execEnvironment, overlayEnvironment } from './environment';
import { parseBind, tmpfsOptions } from './mount-syntax';
import { compileSeccomp, defaultSeccompProfile } from '@gantry/oci/seccomp';
import { parseSecurityOptions } from './security-options';

it.each([
  ['/src:/dst', { type: 'bind', source: '/src', destination: '/dst', rw: true, propagation: '' }],
  ['/src/:/dst/:ro', { source: '/src', destination: '/dst', rw: false }],
  ['/src:/dst:rshared,ro', { propagation: 'rshared', rw: false }],
  ['vol:/dst:nocopy', { type: 'volume', source: 'vol', copy: false }],
  ['/only', { type: 'volume', source: '', destination: '/only' }],
])('-v %s', (text, expected) => {
  expect(parseBind(text)).toMatchObject(expected);
});

it.each([
  ['', 'invalid volume specification'],
  ['a:b:c:d', 'invalid volume specification'],
  ['vol:relative', 'mount path must be absolute'],
  ['vol:/', "destination can't be '/'"],
  ['vol:/x/..', "destination can't be '/'"],
  ['vol:/dst:rw,ro', 'invalid mode: rw,ro'],
  ['vol:/dst:shared', 'field BindOptions must not be specified'],
  ['v:/dst', 'volume name is too short'],
  ['../up:/dst', 'includes invalid characters for a local volume name'],
])('refuses -v %s', (text, message) => {
  expect(() => parseBind(text)).toThrow(message);
});

it('completes and checks tmpfs options', () => {
  expect(tmpfsOptions('')).toEqual(['noexec', 'nosuid', 'nodev']);
  expect(tmpfsOptions('exec,size=1m')).toEqual(['nosuid', 'nodev', 'exec', 'size=1m']);
  expect(() => tmpfsOptions('uid')).toThrow('invalid tmpfs option "uid"');
});

it('adds and drops capabilities', () => {
  expect(effectiveCapabilities([], [], false)).toHaveLength(14);
  expect(effectiveCapabilities([], ['ALL'], false)).toEqual([]);
  expect(effectiveCapabilities(['net_admin'], ['CAP_ALL'.slice(4)], false)).toEqual(['CAP_NET_ADMIN']);
  expect(effectiveCapabilities(['ALL'], ['SYS_ADMIN'], false)).not.toContain('CAP_SYS_ADMIN');
  expect(effectiveCapabilities([], ['mknod'], false)).not.toContain('CAP_MKNOD');
  expect(() => effectiveCapabilities(['NOPE'], [], false)).toThrow('invalid CapAdd: unknown capability: "CAP_NOPE"');
});

it('decides the conditions of the default seccomp profile', () => {
  const plain = compileSeccomp(defaultSeccompProfile(), ['CAP_CHOWN'], 'x64', '6.1.0');
  const names = (profile: typeof plain): string[] =>
    (profile.syscalls ?? []).filter((rule) => rule.action === 'SCMP_ACT_ALLOW').flatMap((rule) => rule.names);
  expect(plain.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  expect(names(plain)).toContain('ptrace');
  expect(names(plain)).not.toContain('mount');
  expect(names(plain)).not.toContain('io_uring_setup');
  expect(names(compileSeccomp(defaultSeccompProfile(), ['CAP_SYS_ADMIN'], 'x64', '6.1.0'))).toContain('mount');
  expect(names(compileSeccomp(defaultSeccompProfile(), [], 'x64', '4.4.0'))).not.toContain('ptrace');
  expect(names(compileSeccomp(defaultSeccompProfile(), [], 'arm64', '6.1.0'))).not.toContain('arch_prctl');
});

it('reads security options', () => {
  expect(parseSecurityOptions(['no-new-privileges', 'seccomp=unconfined', 'label=disable'])).toEqual({
    landlock: '',
    noNewPrivileges: true,
    seccomp: 'unconfined',
    systemPathsUnconfined: false,
  });
  expect(parseSecurityOptions(['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']).seccomp).toEqual({ defaultAction: 'SCMP_ACT_ALLOW' });
  for (const option of ['writable-cgroups', 'writable-cgroups=true', 'writable-cgroups:1'])
    expect(parseSecurityOptions([option]).writableCgroups).toBe(true);
  expect(() => parseSecurityOptions(['nonsense'])).toThrow('invalid --security-opt 1: "nonsense"');
  expect(() => parseSecurityOptions(['what=ever'])).toThrow('invalid --security-opt 2: "what=ever"');
  expect(() => parseSecurityOptions(['seccomp={'])).toThrow('Decoding seccomp profile failed');
  const without = (): boolean => false;
  expect(() => parseSecurityOptions(['apparmor=docker-default'], without)).toThrow(
    'invalid --security-opt: "apparmor=docker-default": AppArmor is not enabled on this host',
  );
  expect(parseSecurityOptions(['apparmor=unconfined'], without).apparmor).toBe('unconfined');
  expect(parseSecurityOptions(['apparmor:mine'], () => true).apparmor).toBe('mine');
  expect(parseSecurityOptions(['apparmor='], without).apparmor).toBeUndefined();
});

it('overlays environments', () => {
  expect(overlayEnvironment(['A=1', 'B=2'], ['B=3', 'C=4', 'A'])).toEqual(['B=3', 'C=4']);
  expect(execEnvironment(['A=1'], ['A=2'], { hostname: 'h', tty: true, home: '/root' })).toEqual([
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOSTNAME=h',
    'TERM=xterm',
    'A=2',
    'HOME=/root',
  ]);
});

it('keeps cgroups below their hierarchy', () => {
  expect(cgroupsPath('', 'id')).toBe('/gantry/id');
  expect(cgroupsPath('/a//b/', 'id')).toBe('/a/b/id');
  expect(cgroupsPath('../../up', 'id')).toBe('/up/id');
  expect(cgroupsPath('a/../../../b/c/..', 'id')).toBe('/b/id');
  expect(cgroupsPath('..', 'id')).toBe('/gantry/id');
});

it('adds up Landlock rules', () => {
  expect(parseSecurityOptions(['landlock=rx:/usr,ro:/etc', 'landlock=rw:/data']).landlock).toBe('rx:/usr,ro:/etc,rw:/data');
  expect(parseSecurityOptions([]).landlock).toBe('');
  expect(() => parseSecurityOptions(['landlock=/data'])).toThrow('invalid Landlock rule "/data"');
});
