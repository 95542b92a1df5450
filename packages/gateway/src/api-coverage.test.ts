import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildServiceService } from '@gantry/api/gantry/build/v1/build';
import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import { EnginePluginsServiceService } from '@gantry/api/gantry/engine/v1/plugins';
import {
  EngineImagesServiceService,
  EngineNetworksServiceService,
  EngineVolumesServiceService,
  SystemServiceService,
} from '@gantry/api/gantry/engine/v1/resources';
import { ControlService } from '@gantry/api/moby/buildkit/v1/control';
import { cover, type Covered, coverMembers, describedBy, describedIn, renderCoverage } from './testing/coverage';
import type { FakeAnswers } from './testing/fake-engine';
import { type GatewayFixture, startGateway } from './testing/gateway';

/**
 * docs/api-coverage.md says what the gateway does. Its operations are those of the document itself; DOCKER_API_ENDPOINTS names a table of the API's operations
 * (tab-separated, with method, path, operation_id and query_params), and GANTRY_API_COVERAGE=write makes the document anew: tools/api-coverage.mjs.
 */
const file = join(__dirname, '../../../docs/api-coverage.md');
const table = process.env['DOCKER_API_ENDPOINTS'] ?? '';

type Definition = Readonly<Record<string, { readonly responseStream: boolean; responseDeserialize(bytes: Buffer): unknown }>>;

/** Answers each call with an empty message, and each stream with none. */
const empty = (definition: unknown): never =>
  Object.fromEntries(
    Object.entries(definition as Definition).map(([name, method]) => [
      name,
      method.responseStream
        ? async function* () {
            // nothing
          }
        : async () => method.responseDeserialize(Buffer.alloc(0)),
    ]),
  ) as never;

let gateway: GatewayFixture;
beforeAll(async () => {
  const answers: FakeAnswers = {
    containers: empty(ContainersServiceService),
    images: empty(EngineImagesServiceService),
    networks: empty(EngineNetworksServiceService),
    volumes: empty(EngineVolumesServiceService),
    plugins: empty(EnginePluginsServiceService),
    system: empty(SystemServiceService),
    builder: { build: empty(BuildServiceService), control: empty(ControlService) },
  };
  gateway = await startGateway(answers);
});
afterAll(() => gateway.close());

test('docs/api-coverage.md is current', async () => {
  const writes = process.env['GANTRY_API_COVERAGE'] === 'write';
  const document = writes ? '' : readFileSync(file, 'utf8');
  const described = table === '' ? describedIn(document) : describedBy(readFileSync(table, 'utf8'));
  expect(described.length).toBeGreaterThan(100);
  const covered: Covered[] = [];
  for (const each of described) covered.push(await cover(gateway.socket, each));
  const text = renderCoverage(covered, coverMembers());
  if (writes) writeFileSync(file, text);
  else expect(text).toBe(document);
}, 240_000);
