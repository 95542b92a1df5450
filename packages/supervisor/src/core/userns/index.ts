export { formatIds, type IdMaps, mapsOfProcess, sameMaps } from './maps';
export { type IdFiles, type IdRemap, readRemap } from './subordinate-ids';
export { readHostRemap } from './host';
