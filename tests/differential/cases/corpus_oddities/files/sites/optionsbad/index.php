optionsbad index.php
