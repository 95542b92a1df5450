/** The BuildKit whose protocol and language are spoken here, field by field: clients compare its number with that of the release in which something came. */
const ORACLE = 'v0.25.2';

/** What clients are told of the builder, as a semantic version whose build part names Gantry's own. */
export const toldVersion = (own: string, revision: string) => ({
  package: 'github.com/moby/buildkit',
  version: `${ORACLE}+gantry.${own.replace(/[^0-9A-Za-z.-]/g, '-')}`,
  revision,
});
