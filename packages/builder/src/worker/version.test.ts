import { toldVersion } from './version';

/** The grammar of semver.org, 2.0.0. */
const SEMANTIC = /^v(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

test.each(['0.1.0', '0.1.0-rc.1', '0.1.0+git~5'])('clients find the release of BuildKit in it, and %s', (own) => {
  const { version } = toldVersion(own, 'r');
  const [, major, minor] = SEMANTIC.exec(version) ?? [];
  expect([major, minor]).toEqual(['0', '25']);
  expect(version).toContain('+gantry.0.1.0');
});
