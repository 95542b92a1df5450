import { describeEngine, testWith } from './harness';
import { loadSpecification, type Specification } from './swagger/specification';
import { walk } from './swagger/walk';

/** Versions whose description the checks know, and those that are asked for; a missing file is told and skipped. */
const versions = { '1.41': '1.41', '1.50': '1.50', '1.56': '1.55' } as const;

describeEngine('answers as the API description has them', (suite) => {
  for (const [described, version] of Object.entries(versions)) {
    const specification = loadSpecification(described, version);
    testWith(`engine-api-v${described}.yaml in the folder DOCKER_API_SPEC`, specification !== undefined)(
      `API ${version}`,
      async () => {
        if (suite.engine.kind === 'dockerd' && version !== '1.41') return; // Debian's dockerd ends there
        const client = await walk(suite.engine.socket, specification as Specification);
        process.stdout.write(`${suite.engine.kind}: ${client.asked.size} operations of API ${version} held against the description\n`);
        expect(client.problems).toEqual([]);
        // what the walk asks on purpose: an image, a volume and a container that are not there, and logs of no stream
        expect(client.refused.map((line) => line.slice(0, 3))).toEqual(['404', '404', '400', '404']);
      },
      120_000,
    );
  }
});
