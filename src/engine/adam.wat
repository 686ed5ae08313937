;; One update by Adam (beta1 = 0) of some numbers that lie in memory, four at a time. Every operation is rounded to float32,
;; in the order of `adam.ts`, so the bits are those of the graph. `adam-simd.ts` holds this module assembled; its test compares.
(module
  (memory (export "memory") 6) ;; three blocks of 128 KiB
  (func (export "adam")
    (param $parameter i32) (param $gradient i32) (param $second i32) ;; addresses, multiples of 16
    (param $end i32) ;; of the parameters; what lies between the last number and a multiple of 16 is computed along
    (param $kept f32) (param $fresh f32) ;; beta2, 1 - beta2
    (param $rate f32) (param $correction f32) (param $eps f32)
    (local $slope v128) (local $moment v128)
    (loop $next
      (local.set $slope (v128.load (local.get $gradient)))
      ;; moment = second * kept + slope * slope * fresh
      (local.set $moment
        (f32x4.add
          (f32x4.mul (v128.load (local.get $second)) (f32x4.splat (local.get $kept)))
          (f32x4.mul (f32x4.mul (local.get $slope) (local.get $slope)) (f32x4.splat (local.get $fresh)))))
      (v128.store (local.get $second) (local.get $moment))
      ;; parameter -= rate * (slope / (sqrt(moment) / correction + eps))
      (v128.store (local.get $parameter)
        (f32x4.sub
          (v128.load (local.get $parameter))
          (f32x4.mul
            (f32x4.splat (local.get $rate))
            (f32x4.div
              (local.get $slope)
              (f32x4.add
                (f32x4.div (f32x4.sqrt (local.get $moment)) (f32x4.splat (local.get $correction)))
                (f32x4.splat (local.get $eps)))))))
      (local.set $parameter (i32.add (local.get $parameter) (i32.const 16)))
      (local.set $gradient (i32.add (local.get $gradient) (i32.const 16)))
      (local.set $second (i32.add (local.get $second) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $parameter) (local.get $end))))))
