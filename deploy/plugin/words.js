'use strict';

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** 1 -> '1 byte', 1500 -> '1.5 kB', 2e6 -> '2 MB'. */
function size(bytes) {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  if (power === 0) return count(bytes, 'byte');
  return `${Number((bytes / 1000 ** power).toFixed(1))} ${UNITS[power]}`;
}

/** 1 -> '1 object', 2500 -> '2,500 objects'. */
function count(number, noun) {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;
}

/** What `emptyBucket` answered, in words. */
function emptied({ objects, markers, uploads, bytes }) {
  const parts = [`${count(objects, 'object')} (${size(bytes)})`];
  if (markers) parts.push(count(markers, 'delete marker'));
  if (uploads) parts.push(count(uploads, 'unfinished upload'));
  return parts.join(', ');
}

module.exports = { count, emptied, size };
