export type { FieldReader, Matcher } from './filter';
export { compileFilters, labelField } from './filter';
