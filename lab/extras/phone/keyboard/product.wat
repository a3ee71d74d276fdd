;; out = bias + w x, for a matrix of fp32 by rows, with the SIMD instructions of WebAssembly.
;;
;; product(w, x, bias, out, rows, cols): the first four are places in the memory, in bytes; cols is a
;; multiple of 16. A row is read 16 numbers at a time into four sums, none of which waits for another.
;; product.wasm has its bytes: Path("product.wasm").write_bytes(wasmtime.wat2wasm(this text)).
(module
  (import "engine" "memory" (memory 1))
  (func (export "product")
    (param $w i32) (param $x i32) (param $bias i32) (param $out i32) (param $rows i32) (param $cols i32)
    (local $at i32) (local $row_ends i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    loop $rows_left
      (local.set $at (local.get $x))
      (local.set $row_ends (i32.add (local.get $x) (i32.mul (local.get $cols) (i32.const 4))))
      (local.set $a (v128.const f32x4 0 0 0 0))
      (local.set $b (local.get $a))
      (local.set $c (local.get $a))
      (local.set $d (local.get $a))
      loop $columns_left
        (local.set $a (f32x4.add (local.get $a)
          (f32x4.mul (v128.load (local.get $w)) (v128.load (local.get $at)))))
        (local.set $b (f32x4.add (local.get $b)
          (f32x4.mul (v128.load offset=16 (local.get $w)) (v128.load offset=16 (local.get $at)))))
        (local.set $c (f32x4.add (local.get $c)
          (f32x4.mul (v128.load offset=32 (local.get $w)) (v128.load offset=32 (local.get $at)))))
        (local.set $d (f32x4.add (local.get $d)
          (f32x4.mul (v128.load offset=48 (local.get $w)) (v128.load offset=48 (local.get $at)))))
        (local.set $w (i32.add (local.get $w) (i32.const 64)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $columns_left (i32.lt_u (local.get $at) (local.get $row_ends)))
      end
      (local.set $a (f32x4.add
        (f32x4.add (local.get $a) (local.get $b)) (f32x4.add (local.get $c) (local.get $d))))
      (f32.store (local.get $out) (f32.add (f32.load (local.get $bias)) (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
        (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a))))))
      (local.set $bias (i32.add (local.get $bias) (i32.const 4)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
      (br_if $rows_left (local.get $rows))
    end))
