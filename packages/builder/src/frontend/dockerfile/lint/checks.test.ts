import { build, busybox } from '../testing/fake-bridge';
import { ruleNames } from './rules';

/** Each check, with a file that violates it and what is said: `Rule: message (line)`. */
const violations: Readonly<Record<(typeof ruleNames)[number], readonly [file: string, message: string, line: number]>> = {
  StageNameCasing: ['FROM busybox AS Base', "Stage name 'Base' should be lowercase", 1],
  FromAsCasing: ['FROM busybox as base', "'as' and 'FROM' keywords' casing do not match", 1],
  NoEmptyContinuation: ['FROM busybox\nRUN a \\\n\n  b', 'Empty continuation line', 4],
  ConsistentInstructionCasing: ['FROM busybox\nrun a\nRUN b', "Command 'run' should match the case of the command majority (uppercase)", 2],
  DuplicateStageName: ['FROM busybox AS a\nFROM busybox AS a', 'Duplicate stage name "a", stage names should be unique', 2],
  ReservedStageName: ['FROM busybox AS scratch', 'Stage name should not use the same name as reserved stage "scratch"', 1],
  JSONArgsRecommended: [
    'FROM busybox\nCMD a',
    'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
    2,
  ],
  MaintainerDeprecated: ['FROM busybox\nMAINTAINER me', 'Maintainer instruction is deprecated in favor of using label', 2],
  UndefinedArgInFrom: ['ARG TAGS=1\nFROM busybox$TAG', "FROM argument 'TAG' is not declared (did you mean TAGS?)", 2],
  WorkdirRelativePath: ['FROM busybox\nWORKDIR a', 'Relative workdir "a" can have unexpected results if the base image changes', 2],
  UndefinedVar: ['FROM busybox\nARG PLACE=x\nUSER $PLACES', "Usage of undefined variable '$PLACES' (did you mean $PLACE?)", 3],
  MultipleInstructionsDisallowed: [
    'FROM busybox\nCMD ["a"]\nCMD ["b"]',
    'Multiple CMD instructions should not be used in the same stage because only the last one will be used',
    2,
  ],
  LegacyKeyValueFormat: ['FROM busybox\nENV a b', '"ENV key=value" should be used instead of legacy "ENV key value" format', 2],
  InvalidBaseImagePlatform: [
    'FROM --platform=$BUILDPLATFORM other',
    'Base image other was pulled with platform "linux/s390x", expected "linux/amd64" for current build',
    1,
  ],
  RedundantTargetPlatform: [
    'FROM --platform=$TARGETPLATFORM busybox',
    'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
    1,
  ],
  SecretsUsedInArgOrEnv: [
    'FROM busybox\nENV DB_PASSWORD=x',
    'Do not use ARG or ENV instructions for sensitive data (ENV "DB_PASSWORD")',
    2,
  ],
  InvalidDefaultArgInFrom: ['ARG BASE\nFROM $BASE', 'Default value for ARG $BASE results in empty or invalid base image name', 2],
  FromPlatformFlagConstDisallowed: [
    'FROM --platform=linux/amd64 busybox',
    'FROM --platform flag should not use constant value "linux/amd64"',
    1,
  ],
  CopyIgnoredFile: ['FROM busybox\nCOPY docs/a /', 'Attempting to Copy file "docs/a" that is excluded by .dockerignore', 2],
  InvalidDefinitionDescription: ['# what\nFROM busybox AS a', 'Comment for FROM should follow the format: `# a <description>`', 2],
  ExposeProtoCasing: ['FROM busybox\nEXPOSE 80/TCP', "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase", 2],
  ExposeInvalidFormat: [
    'FROM busybox\nEXPOSE 8080:80',
    "EXPOSE instruction should not define an IP address or host-port mapping, found '8080:80'",
    2,
  ],
};

const world = (options: Readonly<Record<string, string>> = {}) => ({
  folders: { context: { '.dockerignore': 'docs\n' } },
  images: { 'docker.io/library/other:latest': { ...busybox, architecture: 's390x' } },
  options: { 'build-arg:BUILDKIT_DOCKERFILE_CHECK': 'experimental=all', 'build-arg:BASE': 'busybox', ...options },
});

test('there are 22 checks', () => {
  expect(ruleNames).toHaveLength(22);
});

test.each(ruleNames)('%s', async (name) => {
  const [file, message, line] = violations[name];
  const { warnings } = await build(file, world());
  const [found] = warnings.filter(({ short }) => short.startsWith(`${name}:`));
  expect(found?.short).toBe(`${name}: ${message} (line ${line})`);
  expect(found?.ranges[0]).toEqual({ start: { line, character: 0 }, end: { line, character: 0 } });
  expect(found?.url).toMatch(name === 'InvalidBaseImagePlatform' ? /^$/ : /^https:\/\/docs\.docker\.com\/go\/dockerfile\/rule\/[a-z-]+\/$/);
  expect(found?.source?.filename).toBe('Dockerfile');
});

test('checks are left out, made errors, and experimental ones are made when asked for', async () => {
  const file = 'FROM busybox\nCMD a\nENV a b\nCOPY docs/a /';
  const names = async (check: string): Promise<readonly string[]> => {
    const { warnings } = await build(file, world({ 'build-arg:BUILDKIT_DOCKERFILE_CHECK': check }));
    return warnings.map(({ short }) => short.split(':', 1)[0] ?? '');
  };
  expect(await names('')).toEqual(['JSONArgsRecommended', 'LegacyKeyValueFormat']);
  expect(await names('skip=JSONArgsRecommended, X;experimental=CopyIgnoredFile')).toEqual(['LegacyKeyValueFormat', 'CopyIgnoredFile']);
  expect(await names('skip=all')).toEqual([]);
  await expect(names('error=true')).rejects.toThrow('lint violation found for rules: JSONArgsRecommended, LegacyKeyValueFormat');
  await expect(names('skip')).rejects.toThrow('failed to parse build-arg:BUILDKIT_DOCKERFILE_CHECK: invalid check option "skip"');
  await expect(build(`# check=error=true\n${file}`)).rejects.toThrow('lint violation found');
});
