cloud public.php
