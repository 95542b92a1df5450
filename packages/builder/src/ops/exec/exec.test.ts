import { CacheSharingOpt, type ExecOp, MountContentCache, MountType, NetMode, SecurityMode } from '@gantry/api/pb/ops';
import { newContext, notFound, prefixed } from '@gantry/rpc';
import type { Ref } from '../../refs/ref';
import type { StepContext } from '../../solver/op';
import { execDefinition, mountOf } from '../../testing/definitions';
import { keyOf } from './cache-key';
import { execOf } from './definition';
import { cacheInputs } from './dependencies';
import { proxyVariables, withPath } from './environment';
import { couldNotRun, withoutProcess } from './failure';
import { goQuote } from './go-quote';

const key = (change?: Partial<ExecOp>, meta?: Partial<NonNullable<ExecOp['meta']>>): string =>
  keyOf(execOf(execDefinition(change, meta)), undefined);

describe('key of an exec op', () => {
  it('holds everything that the process sees', () => {
    const others = [
      key({}, { args: ['false'] }),
      key({}, { env: ['A=b'] }),
      key({}, { cwd: '/x' }),
      key({}, { user: 'web' }),
      key({}, { hostname: 'h' }),
      key({}, { ulimit: [{ Name: 'nofile', Soft: 1n, Hard: 1n }] }),
      key({}, { cgroupParent: '/c' }),
      key({}, { validExitCodes: [1] }),
      key({}, { extraHosts: [{ Host: 'h', IP: '10.0.0.1' }] }),
      key({ network: NetMode.HOST }),
      key({ network: NetMode.UNSET }),
      key({ security: SecurityMode.INSECURE }),
      key({ secretenv: [{ ID: 's', name: 'S', optional: false }] }),
      key({ cdiDevices: [{ name: 'v/c=n', optional: false }] }),
      key({ mounts: [mountOf(), mountOf({ dest: '/m', input: 1n, output: -1n })] }),
      key({ mounts: [mountOf({ readonly: true })] }),
      keyOf(execOf(execDefinition()), { os: 'linux', architecture: 'riscv64', variant: '', osVersion: '' }),
    ];
    expect(new Set([key(), ...others]).size).toBe(others.length + 1);
  });

  it('holds no proxies, no addresses of hosts and no names of caches', () => {
    const proxyEnv = { httpProxy: 'http://user:secret@proxy', httpsProxy: '', ftpProxy: '', noProxy: '', allProxy: '' };
    expect(key({}, { proxyEnv })).toBe(key());
    const host = (ip: string): string => key({}, { extraHosts: [{ Host: 'h', IP: ip }] });
    expect(host('10.0.0.1')).toBe(host('10.0.0.2'));
    const cache = (id: string, sharing = CacheSharingOpt.LOCKED): string =>
      key({
        mounts: [mountOf(), mountOf({ dest: '/c', input: -1n, output: -1n, mountType: MountType.CACHE, cacheOpt: { ID: id, sharing } })],
      });
    expect(cache('one')).toBe(cache('two', CacheSharingOpt.PRIVATE));
    expect(cache('/c', CacheSharingOpt.SHARED)).not.toBe(cache('one'));
    expect(cache('ns//c', CacheSharingOpt.SHARED)).not.toBe(cache('/c', CacheSharingOpt.SHARED));
  });

  it('refuses by name what is not known', () => {
    expect(() => key({ network: 7 as NetMode })).toThrow('unknown network mode 7');
    expect(() => key({ security: 7 as SecurityMode })).toThrow('unknown security mode 7');
    expect(() => key({ mounts: [mountOf({ mountType: 9 as MountType })] })).toThrow('mount type 9 of / is not implemented');
    expect(() => key({ mounts: [mountOf({ mountType: MountType.TMPFS })] })).toThrow('invalid mount type TMPFS for /');
  });
});

describe('what the key takes of inputs', () => {
  const asked: string[] = [];
  const refs = { checksum: (_ctx: unknown, _ref: Ref | undefined, path: string) => (asked.push(path), Promise.resolve(`sha256:${path}`)) };
  const step = { call: newContext() } as StepContext;
  const bind = (change: Partial<ExecOp['mounts'][number]>): ExecOp['mounts'][number] =>
    mountOf({ dest: '/m', input: 1n, output: -1n, ...change });

  it('looks at the contents where nothing else of the input gets out', async () => {
    const byContent = (...mounts: ExecOp['mounts']): boolean => cacheInputs(mounts, 2, refs)[1]?.contentDigest !== undefined;
    expect(byContent(bind({}))).toBe(true);
    expect(byContent(bind({ output: 1n, selector: 'part' }))).toBe(false);
    expect(byContent(bind({ output: 1n, selector: '/' }))).toBe(true);
    expect(byContent(bind({ output: 1n, selector: 'part', readonly: true }))).toBe(true);
    expect(byContent(bind({ contentCache: MountContentCache.OFF }))).toBe(false);
    expect(byContent(bind({ dest: '/' }))).toBe(false);
    expect(byContent(bind({ dest: '/', contentCache: MountContentCache.ON }))).toBe(true);
    expect(byContent(bind({}), bind({ output: 1n, selector: 'part' }))).toBe(false);
    expect(() => byContent(bind({ output: 1n, selector: 'part', contentCache: MountContentCache.ON }))).toThrow(
      'invalid mount cache content',
    );
    asked.length = 0;
    const [, input] = cacheInputs([bind({ selector: 'a/b' }), bind({ selector: '/a' }), bind({ selector: 'c' })], 2, refs);
    await input?.contentDigest?.(step, undefined);
    expect(asked).toEqual(['/a', '/c']);
  });

  it('tells parts apart', () => {
    const selector = (part: string): string | undefined => cacheInputs([bind({ selector: part })], 2, refs)[1]?.selector;
    expect(selector('a')).not.toBe(selector('b'));
    expect(selector('a')).toBe(selector('/a/'));
    expect(cacheInputs([mountOf()], 2, refs)[1]).toEqual({});
  });
});

describe('words and environment', () => {
  it('quotes as Go does', () => {
    expect(goQuote('/bin/sh -c echo "a\\b"\n\x1b[0m ü\u200b')).toBe('"/bin/sh -c echo \\"a\\\\b\\"\\n\\x1b[0m ü\\u200b"');
  });

  it('tells what kept a process from being run with its words, and without them to whoever has words of his own', () => {
    const cause = notFound('network x not found');
    const failure = prefixed(couldNotRun(['sh', '-c', 'true'], cause), 'a step');
    expect(failure.message).toBe('a step: process "sh -c true" did not complete successfully: network x not found');
    expect([withoutProcess(failure), withoutProcess(cause)]).toEqual([cause, cause]);
  });

  it('adds proxies in both spellings, and a path', () => {
    const proxyEnv = { httpProxy: 'p', httpsProxy: '', ftpProxy: '', noProxy: 'n', allProxy: 'a' };
    expect(proxyVariables(proxyEnv)).toEqual(['HTTP_PROXY=p', 'http_proxy=p', 'NO_PROXY=n', 'no_proxy=n', 'ALL_PROXY=a', 'all_proxy=a']);
    expect(withPath(['A=b'])).toEqual(['A=b', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']);
    expect(withPath(['PATH=/x'])).toEqual(['PATH=/x']);
  });
});
