// A sample record of format v1, byte for byte: tests 30, 94 and 114 of test/vectors/record-envelope-v1.json. beclient has no
// keys to seal a record, so its trial stores this one, which a back end accepts like any other.

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

/** The envelope: mode split, AES-256-GCM, 44 bytes of data. */
export const sampleEnvelope = hex(
  '52564c5401010310e0e1e2e3e4e5e6e7e8e9eaebecedeeefc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9' +
    'dadbdcdddedf1aa2c145a8961de9db6c9454d9e46f107698aa5e12517631f7d06bfb3bfeae0f96f393842d9eedb4c40afd90' +
    'a8746c260abebd4f31de86cef66283c8bc69a57052caee76e2071027d6c114c0b96cc17e12f29dabb25ae95a9795de36',
)

/** The size of the data in bytes. */
export const sampleDataBytes = 44n

/** The entry box: the sealed data key and record name. */
export const sampleEntryBox = hex(
  '0101050000000001c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfa65b2a464768ce050ae3' +
    'c46af5b686cab2c6f2705fc3362dc125063bc6a040f64dc764a32d8ce8024262179c14ddb7e6280707b46291f3bfd5f8905a' +
    '3a276f576fdef1934c592987b748ad6501f5f06e8cac4490423c3d7fc1a7a5a9890d62343f9db291a91537b1b99c2e6faf13' +
    '785d474e3ee99a811fba6433515e66581933b38cc4b0a82a6810fdb858cb7f273ab6',
)

/** A user key, wrapped with a key of a local keyring. */
export const sampleWrappedKey = hex(
  '010100036b656b0000000300780101040000000003c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdc' +
    'dddedf48fe1888e4a3f6505e68bdda62c3fcc680f9fcff98522c404380f912fa9d8dc2d183b5712e2943124e4023dd53e0be' +
    'd8de52207e141b1c67534e2562ab8369e85a8656022303631ac2d070c21ed0a111',
)
