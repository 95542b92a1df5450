/** The examples of the runtime specification: in the folder that OCI_RUNTIME_SPEC names. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Spec } from '@gantry/oci';
import { honouredSpec, refuseUnknown } from './refuse';

const specification = process.env['OCI_RUNTIME_SPEC'] ?? '';
const folder = join(specification, 'test/config/good');
const examples = specification !== '' && existsSync(folder) ? readdirSync(folder).filter((name) => !/freebsd|zos|windows/.test(name)) : [];

/* What the example uses and this runtime refuses, by name. */
const refused: Readonly<Record<string, string>> = { 'spec-example.json': 'linux.resources.oomScoreAdj' };

(examples.length ? test.each(examples) : test.skip.each(["the specification's examples [needs OCI_RUNTIME_SPEC]"]))('%s', (name) => {
  const spec = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Spec;
  const check = () => {
    refuseUnknown(spec, honouredSpec);
  };
  if (refused[name]) expect(check).toThrow(`config.json: ${refused[name]}`);
  else expect(check).not.toThrow();
});
