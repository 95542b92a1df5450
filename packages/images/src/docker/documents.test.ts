import fc from 'fast-check';
import { isGantryError } from '@gantry/rpc';
import { kindOf, parseConfig, parseIndex, parseManifest } from '@gantry/registry';
import { parseDockerEntries } from '../archive/outer';
import { applyChanges } from './dockerfile-changes';
import { choosePlatform } from './image-reader';

const digest = `sha256:${'a'.repeat(64)}`;

test('fuzz: 1000 documents of any shape, each read by four parsers, give a document or one of our errors', () => {
  const descriptor = fc.record(
    {
      mediaType: fc.oneof(fc.constant('x'), fc.anything()),
      digest: fc.oneof(fc.constant(digest), fc.string(), fc.anything()),
      size: fc.oneof(fc.nat(), fc.anything()),
    },
    { requiredKeys: [] },
  );
  const document = fc.oneof(
    fc.json().map((text) => text),
    fc
      .record(
        {
          schemaVersion: fc.oneof(fc.constant(2), fc.constant(1), fc.anything()),
          mediaType: fc.anything(),
          config: fc.oneof(descriptor, fc.anything()),
          layers: fc.oneof(fc.array(descriptor), fc.anything()),
          manifests: fc.anything(),
        },
        { requiredKeys: [] },
      )
      .map((value) => JSON.stringify(value) ?? ''),
    fc
      .record(
        {
          rootfs: fc.oneof(fc.record({ diff_ids: fc.oneof(fc.array(fc.string()), fc.anything()) }), fc.anything()),
          history: fc.anything(),
        },
        { requiredKeys: [] },
      )
      .map((value) => JSON.stringify(value) ?? ''),
    fc.string(),
  );
  fc.assert(
    fc.property(document, (text) => {
      const bytes = Buffer.from(text);
      for (const parse of [
        () => parseManifest(bytes, 'm'),
        () => parseIndex(bytes, 'm'),
        () => parseConfig(bytes, 'm'),
        () => kindOf(bytes, '', 'm'),
      ]) {
        try {
          parse();
        } catch (error) {
          if (!isGantryError(error)) throw error;
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test('a type that is no text is named as it is', () => {
  const document = Buffer.from('{"mediaType":{"toString":""}}');
  expect(() => parseManifest(document, 'm')).toThrow('manifest m calls itself {"toString":""}');
  expect(() => parseIndex(document, 'm')).toThrow('index m calls itself {"toString":""}');
});

test("Go's null is an empty list, an empty map or nothing", () => {
  const whole = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 1 };
  const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const config = {
    os: 'linux',
    architecture: 'amd64',
    created: null,
    config: { Env: null, Labels: null, Volumes: null },
    history: null,
    rootfs: { type: 'layers', diff_ids: null },
  };
  expect(parseConfig(bytes(config), 'c')).toEqual({
    os: 'linux',
    architecture: 'amd64',
    config: {},
    rootfs: { type: 'layers', diff_ids: [] },
  });
  expect(parseConfig(bytes({ ...config, config: null, rootfs: null, author: null }), 'c')).not.toHaveProperty('config');
  expect(parseConfig(bytes({ ...config, history: [{ created: null, comment: 'c' }] }), 'c').history).toEqual([{ comment: 'c' }]);
  expect(() => parseConfig(bytes({ ...config, history: 5 }), 'c')).toThrow('no list of steps');
  const manifest = {
    schemaVersion: 2,
    config: { ...whole, annotations: null, urls: null, platform: null },
    layers: null,
    annotations: null,
    subject: null,
  };
  expect(parseManifest(bytes(manifest), 'm')).toEqual({ schemaVersion: 2, config: whole, layers: [] });
  expect(kindOf(bytes(manifest), '', 'm')).toBe('manifest');
  const index = { schemaVersion: 2, manifests: [{ ...whole, platform: null, annotations: null }], annotations: null, subject: null };
  expect(parseIndex(bytes(index), 'i')).toEqual({ schemaVersion: 2, manifests: [whole] });
  expect(parseIndex(bytes({ ...index, manifests: null }), 'i').manifests).toEqual([]);
  expect(parseDockerEntries(bytes([{ Config: 'c', RepoTags: null, Layers: null }]))).toEqual([{ Config: 'c', RepoTags: null, Layers: [] }]);
  expect(parseDockerEntries(bytes(null))).toEqual([]);
});

test('changes of commit and import', () => {
  const config = applyChanges({ Env: ['A=0', 'B=1'] }, [
    'ENV A=1 C="x y"',
    'CMD ["a","b"]',
    'ENTRYPOINT run me',
    'EXPOSE 80 53/udp',
    'VOLUME /data',
    'WORKDIR /w',
    'WORKDIR sub',
    'LABEL k=v',
    'USER 5',
    'STOPSIGNAL 9',
  ]);
  expect(config).toEqual({
    Env: ['A=1', 'B=1', 'C=x y'],
    Cmd: ['a', 'b'],
    Entrypoint: ['/bin/sh', '-c', 'run me'],
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    Volumes: { '/data': {} },
    WorkingDir: '/w/sub',
    Labels: { k: 'v' },
    User: '5',
    StopSignal: '9',
  });
  expect(() => applyChanges({}, ['FROM x'])).toThrow('FROM is not a valid change command');
});

test('changes as a Dockerfile reads them', () => {
  const base = { Cmd: ['old'], Entrypoint: ['e'], Env: ['FOO=bar', 'EMPTY='], WorkingDir: '/w' };
  const of = (...changes: string[]) => applyChanges(base, changes);
  expect(of('ENTRYPOINT ["n"]')).toMatchObject({ Entrypoint: ['n'] });
  expect(of('ENTRYPOINT ["n"]').Cmd).toBeUndefined();
  expect(of('CMD ["c"]', 'ENTRYPOINT ["n"]').Cmd).toEqual(['c']);
  expect(of('WORKDIR $FOO/x').WorkingDir).toBe('/w/bar/x');
  expect(of('WORKDIR ../y').WorkingDir).toBe('/y');
  expect(of("ENV A=${FOO}1 B=${EMPTY:-else} C=${FOO:+then} D='$FOO' E=${NONE}").Env?.slice(2)).toEqual([
    'A=bar1',
    'B=else',
    'C=then',
    'D=$FOO',
    'E=',
  ]);
  expect(Object.keys(of('EXPOSE 90-92 53/UDP').ExposedPorts ?? {})).toEqual(['90/tcp', '91/tcp', '92/tcp', '53/udp']);
  expect(of('HEALTHCHECK --interval=1m30s --retries=3 CMD test -f /ok').Healthcheck).toEqual({
    Interval: 90e9,
    Retries: 3,
    Test: ['CMD-SHELL', 'test -f /ok'],
  });
  expect(of('HEALTHCHECK CMD ["a","b"]').Healthcheck).toEqual({ Test: ['CMD', 'a', 'b'] });
  expect(of("ENV A='a b' B=c\\ d", 'ENV OLD all "of  this"', 'ENV F=$A').Env?.slice(2)).toEqual([
    'A=a b',
    'B=c d',
    'OLD=all of  this',
    'F=a b',
  ]);
  expect(of(`LABEL "two words"="$FOO" single='$FOO' k=`, 'LABEL old  form of $FOO').Labels).toEqual({
    'two words': 'bar',
    single: '$FOO',
    k: '',
    old: 'form of bar',
  });
  expect(of('USER ${FOO}:1').User).toBe('bar:1');
  expect(of('STOPSIGNAL SIG${SIG:-USR1}').StopSignal).toBe('SIGUSR1');
  expect(of('CMD echo "$FOO"').Cmd).toEqual(['/bin/sh', '-c', 'echo "$FOO"']);
  expect(of('CMD ["echo", "$FOO"]').Cmd).toEqual(['echo', '$FOO']);
  expect(of('CMD', 'ENTRYPOINT ["n"]').Cmd).toBeUndefined();
  expect(of('CMD []').Cmd).toEqual([]);
  expect(of('ENTRYPOINT []').Entrypoint).toBeNull();
  expect(Object.keys(applyChanges({ Env: ['P=80 443/udp'] }, ['EXPOSE $P 8080:81']).ExposedPorts ?? {})).toEqual([
    '80/tcp',
    '443/udp',
    '81/tcp',
  ]);
  expect(Object.keys(of('VOLUME /a$FOO', 'VOLUME ["/d e"]').Volumes ?? {})).toEqual(['/abar', '/d e']);
  expect(of('HEALTHCHECK NONE').Healthcheck).toEqual({ Test: ['NONE'] });
});

test.each([
  'EXPOSE x',
  'EXPOSE 70000',
  'EXPOSE',
  'USER',
  'VOLUME []',
  'WORKDIR',
  'ENV',
  'LABEL x',
  'ONBUILD FROM x',
  'ONBUILD ONBUILD RUN x',
  'HEALTHCHECK',
  'HEALTHCHECK CMD',
  'HEALTHCHECK --interval=x CMD a',
  'HEALTHCHECK --bad=1 CMD a',
  'COPY a b',
  'SHELL ["sh"]',
  'STOPSIGNAL NOSUCH',
  'STOPSIGNAL 0',
  'ENV A="open',
  'CMD --x',
  'LABEL =x',
])('the change %s is refused', (change) => {
  expect(() => applyChanges({}, [change])).toThrow(expect.objectContaining({ kind: 'invalidArgument' }) as Error);
});

test('an index with nothing for this host gives nothing to run, but what is here of it can be named', () => {
  const foreign = [{ platform: { os: 'linux', architecture: 's390x' } }];
  expect(choosePlatform(foreign, undefined, true)).toBeUndefined();
  expect(choosePlatform(foreign, undefined)).toBe(foreign[0]);
  const two = [...foreign, { platform: { os: 'linux', architecture: 'ppc64le' } }];
  expect(choosePlatform(two, undefined)).toBe(two[0]);
  expect(choosePlatform(two, undefined, true)).toBeUndefined();
  expect(choosePlatform([...foreign, { platform: { os: 'unknown', architecture: 'unknown' } }], undefined, true)).toBeUndefined();
  expect(choosePlatform(foreign, { os: 'linux', architecture: 's390x' }, true)).toBe(foreign[0]);
});
